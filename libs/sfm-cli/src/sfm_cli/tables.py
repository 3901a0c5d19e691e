"""The documents of the contract as people read them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sfm_cli.client import Document
from sfm_cli.output import facts, plain, table

_BEFORE_MARK: Final = 24
"""Characters of a passage shown before what was looked for."""
_CHANGING: Final = "changing"
"""In `degraded`: no leg, but a memory that was left out."""


def place(numbers: Sequence[float]) -> str:
    """A coordinate as it is typed."""
    return ",".join(str(number) for number in numbers)


def when(document: Mapping[str, Any]) -> str:
    """To the minute, in UTC: when it happened, else when it was stored."""
    at = str(document.get("occurred_at") or document.get("created_at") or "")
    return at[:16].replace("T", " ")


def stored(document: Document) -> str:
    how = "new" if document["created"] else "known already" if document["deduplicated"] else "over"
    return (
        f"stored {place(document['coordinate'])} ({how}; version {document['version']},"
        f" position {document['position']})"
    )


def changed(how: str, document: Document) -> str:
    return (
        f"{how} {place(document['coordinate'])} (version {document['version']},"
        f" position {document['position']})"
    )


def history(document: Document) -> Table:
    made = table("version", "at", "event", "importance", "tags", "text",
                 numbers=("version", "importance"), rest="text")  # fmt: skip
    for version in document["versions"]:
        lives = "payload" in version
        made.add_row(
            str(version["version"]),
            str(version["at"])[:19].replace("T", " "),
            version["type"],
            f"{version['importance']:g}" if lives else "",
            plain(" ".join(version.get("tags", ()))),
            plain(_words(version) if lives else ""),
        )
    return made


def hits(document: Document, *, explained: bool) -> RenderableType:
    """Best first; with `explained`, under each the parts its score is the sum of."""
    if not document["hits"]:
        return Group("nothing found", *_beside(document))
    made = table("score", "coordinate", "when", "source", "text", numbers=("score",), rest="text")
    for hit in document["hits"]:
        made.add_row(
            f"{hit['score']:.4f}",
            place(hit["coordinate"]),
            when(hit),
            plain(hit.get("source") or ""),
            plain(_words(hit)),
        )
        if explained and "explain" in hit:
            made.add_row("", "", "", "", _why(hit["explain"]))
    return Group(made, *_beside(document))


def one_hit(hit: Document, *, explained: bool) -> RenderableType:
    """A hit on a line of its own; with `explained`, the parts of its score below."""
    line = Text(f"{hit['score']:.4f}  {place(hit['coordinate'])}  ", overflow="fold")
    for said in (when(hit), hit.get("source"), _words(hit)):
        if said:
            line = line.append_text(plain(said)).append("  ")
    return Group(line, _why(hit["explain"])) if explained and "explain" in hit else line


def beside_hits(document: Document, *, found: bool) -> RenderableType:
    """What an answer says beside its hits, and that it has none."""
    return Group(*([] if found else ["nothing found"]), *_beside(document))


def keyword_hits(document: Document) -> RenderableType:
    """Best first, each with the passage that has the term."""
    if not document["hits"]:
        return Group("nothing found")
    made = table("score", "match", "coordinate", "when", "source", "text",
                 numbers=("score",), rest="text")  # fmt: skip
    for hit in document["hits"]:
        made.add_row(
            f"{hit['score']:.4f}",
            hit["match"],
            place(hit["coordinate"]),
            when(hit),
            plain(hit["source"] or ""),
            plain(_from_the_mark(hit["snippet"])),
        )
    return made


def memories(document: Document) -> Table:
    made = table("coordinate", "when", "kind", "importance", "source", "tags", "text",
                 numbers=("importance",), rest="text")  # fmt: skip
    for memory in document["memories"]:
        made.add_row(
            place(memory["coordinate"]),
            when(memory),
            memory["kind"],
            f"{memory['importance']:g}",
            plain(memory["source"] or ""),
            plain(" ".join(memory["tags"])),
            plain(_words(memory)),
        )
    return made


def events(document: Document) -> Table:
    made = table("position", "when", "event", "coordinate", "version", "text",
                 numbers=("position", "version"), rest="text")  # fmt: skip
    for event in document["events"]:
        made.add_row(
            str(event["position"]),
            str(event["timestamp"])[:19].replace("T", " "),
            event["type"],
            place(event["coordinate"] or []),
            str(event["version"]),
            plain(_words(event) if "payload" in event else _told(event)),
        )
    return made


def dead_letters(document: Document) -> Table:
    made = table("number", "put aside", "consumer", "from", "bytes", "reason",
                 numbers=("number", "bytes"), rest="reason")  # fmt: skip
    for one in document["dead_letters"]:
        made.add_row(
            str(one["number"]),
            plain(str(one["at"])[:19].replace("T", " ")),
            plain(one["consumer"]),
            plain(f"{one['topic']} {one['partition']}/{one['offset']}"),
            str(one["bytes"]),
            plain(one["reason"]),
        )
    return made


def erasure(document: Document) -> Group:
    made = table("store", "removed", "left", numbers=("removed", "left"))
    for store in document["stores"]:
        made.add_row(
            store["store"],
            str(store["removed"]),
            "?" if store["left"] is None else str(store["left"]),
        )
    end = "erased" if document["complete"] else "not all of it is gone: erase it again"
    return Group(made, f"{document['namespace']}: {end} (generation {document['generation']})")


def memory(document: Document) -> Table:
    shown: dict[str, Any] = {"coordinate": place(document["coordinate"])}
    for name, value in document.items():
        if name == "coordinate" or value is None or value is False or value == []:
            continue
        shown[name] = _json(value) if isinstance(value, dict | list) else value
    return facts(shown)


def effects(document: Document) -> Table:
    """What upkeep did, or would do."""
    made = table("coordinate", "version", "effect", "keys", numbers=("version",), rest="keys")
    for effect in document["effects"]:
        made.add_row(
            place(effect["coordinate"]),
            str(effect["version"]),
            effect["kind"],
            plain(" ".join(effect["removed"])),
        )
    return made


def repairs(document: Document) -> Table:
    """What reconciling did, or would do."""
    made = table("job", "effect", "memory", "keys", rest="keys")
    for job in document["jobs"]:
        for effect in job["effects"]:
            where = place(effect["coordinate"]) if "coordinate" in effect else effect.get("id", "-")
            keys = plain(" ".join(effect.get("removed", [])))
            made.add_row(job["job"], effect["kind"], where, keys)
    return made


def linked(document: Document) -> Text:
    ends = f"{place(document['from'])} -> {place(document['to'])}"
    how = f"weight {document['weight']:g}, version {document['version']}"
    line = f"linked {ends} ({{}}; {how}, position {document['position']})"
    before, after = line.split("{}")
    return Text.assemble(before, plain(document["type"]), after)


def path(document: Document) -> str:
    if not document["path"]:
        return "no way"
    way = " -> ".join(place(at) for at in document["path"])
    return f"{way}  (weight {document['weight']:g})" if "weight" in document else way


def neighbors(document: Document) -> RenderableType:
    """The strongest first."""
    if not document["neighbors"]:
        return "no links"
    made = table("weight", "", "coordinate", "type", numbers=("weight",))
    for one in document["neighbors"]:
        arrow = "->" if one["direction"] == "out" else "<-"
        made.add_row(f"{one['weight']:g}", arrow, place(one["coordinate"]), plain(one["type"]))
    return made


def stats(document: Document) -> Table:
    """Groups flattened to dotted names."""
    return facts(dict(_flat(document, "")))


def _told(event: Mapping[str, Any]) -> str:
    """What an event tells that is not a memory."""
    return next((_json(event[name]) for name in ("link", "removed") if name in event), "")


def _words(document: Mapping[str, Any]) -> str:
    text = document.get("snippet", {}).get("text") or document.get("text")
    return str(text) if text else _json(document.get("payload", {}))


def _from_the_mark(snippet: Mapping[str, Any]) -> str:
    """The passage from shortly before its mark on, so that the mark is not cut off."""
    text = str(snippet["text"])
    first = snippet["marks"][0][0] if snippet["marks"] else 0
    return text if first <= _BEFORE_MARK else f"…{text[first - _BEFORE_MARK :]}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _why(explain: Mapping[str, Any]) -> Text:
    """Wrapped, not cut: the parts are to add up."""
    parts = [f"{name} {value:.4f}" for name, value in explain["parts"].items()]
    raw = [
        f"{name} {explain[name]:.4g}"
        for name in ("cosine", "bm25", "importance_norm", "factor")
        if explain.get(name) is not None
    ]
    line = f"= {' + '.join(parts)}  ({', '.join(raw)})"
    return Text(line, style="dim", no_wrap=False, overflow="fold")


def _beside(document: Document) -> list[RenderableType]:
    """What an answer says beside its hits."""
    lines: list[RenderableType] = [_placed(one) for one in document.get("explained") or ()]
    budget = document.get("budget")
    if budget is not None:
        left = f", {budget['left_out']} left out" if budget["left_out"] else ""
        lines.append(f"about {budget['used']} of {budget['limit']} tokens{left}")
    degraded = document.get("degraded") or []
    legs = [leg for leg in degraded if leg != _CHANGING]
    if legs:
        lines.append(f"without: {', '.join(legs)} (did not answer)")
    if _CHANGING in degraded:
        lines.append("left out: what was being changed while it was read")
    return lines


def _placed(one: Mapping[str, Any]) -> Text:
    rank = "no rank" if one["rank"] is None else f"rank {one['rank']}, score {one['score']:.4f}"
    why = "" if one["hit"] else f": no hit ({', '.join(one['absent_for'])})"
    line = Text(f"{place(one['coordinate'])}: {rank}{why}", no_wrap=False, overflow="fold")
    if "explain" in one:
        line = line.append(" ").append_text(_why(one["explain"]))
    return line


def _flat(document: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in document.items():
        if isinstance(value, dict):
            found += _flat(value, f"{path}{name}.")
        else:
            found.append((path + name, "-" if value is None else value))
    return found
