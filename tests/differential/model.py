"""The memory of one namespace as a dict: what every door has to agree with."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from tests.differential.outcomes import Op, Outcome

NOT_FOUND: Final = "urn:sfm:error:not-found"
PRECONDITION: Final = "urn:sfm:error:precondition-failed"
KEY_REUSED: Final = "urn:sfm:error:key-reused"
INVALID: Final = "urn:sfm:error:invalid"
PAST: Final = "2001-01-01T00:00:00Z"
NO_TIME: Final = "soon"
UNSAID: Final[dict[str, Any]] = {
    "kind": "episodic",
    "text": None,
    "importance": 1,
    "tags": [],
    "session": None,
    "source": None,
    "occurred_at": None,
    "expires_at": None,
    "pinned": False,
}

type Facts = Mapping[str, Any]
type Said = dict[str, Any]


@dataclass
class Kept:
    """One memory or tombstone: what each version said, None for an end."""

    versions: list[Said | None] = field(default_factory=list)

    @property
    def version(self) -> int:
        return len(self.versions)

    @property
    def said(self) -> Said | None:
        return self.versions[-1] if self.versions else None

    @property
    def visible(self) -> bool:
        return self.said is not None and self.said["expires_at"] != PAST


class Model:
    """Predicts of an `Op` its error, or some facts of its document."""

    def __init__(self) -> None:
        self.memories: dict[str, Kept] = {}
        self._receipts: dict[str, tuple[Op, Facts | None]] = {}
        self._is_blind = False
        """After an import nothing is predicted: which version wins is the import's own affair."""
        self._rules: dict[str, Callable[[Op, Outcome], str | Facts | None]] = {
            "store": self._store,
            "remember": self._remember,
            "delete": self._delete,
            "get": self._get,
            "list": self._list,
            "patch": self._patch,
            "history": self._history,
            "restore": self._restore,
            "delete_many": self._delete_many,
            "decay": self._decay,
            "reconcile": self._reconcile,
            "link": self._link,
            "unlink": self._unlink,
            "neighbors": self._neighbors,
            "batch": self._batch,
            "erase": self._erase,
            "import": self._import,
        }

    def check(self, op: Op, outcome: Outcome) -> None:
        """Hold an outcome to what is expected, and learn from it where a memory went."""
        expected = self._expected(op, outcome)
        if isinstance(expected, str):
            assert outcome.error == expected, (op, outcome)
        elif expected is not None:
            assert not outcome.error, (op, outcome)
            for name, value in expected.items():
                assert outcome.document[name] == value, (op, name, outcome)
        if op["key"] and not outcome.error and not _failed_whole(op, outcome):
            self._receipts.setdefault(op["key"], (op, expected))  # type: ignore[arg-type]

    @property
    def visible(self) -> dict[str, Kept]:
        return {at: kept for at, kept in self.memories.items() if kept.visible}

    def _expected(self, op: Op, outcome: Outcome) -> str | Facts | None:
        if is_bad(op):
            return INVALID
        if op["key"] in self._receipts and not _failed_whole(op, outcome):
            before, facts = self._receipts[op["key"]]
            return facts if _same(before, op) else KEY_REUSED
        rule = self._rules.get(op.name)
        if rule is None or (self._is_blind and op.name != "erase"):
            return None
        return rule(op, outcome)

    def _at(self, text: str) -> Kept:
        return self.memories.setdefault(Coordinate.parse(text).text, Kept())

    def _store(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        kept = self._at(op["at"])
        visible = kept.visible
        if op["if_version"] and not (visible and kept.version == op["if_version"]):
            return PRECONDITION
        kept.versions.append({**UNSAID, **op["memory"]})
        return {"version": kept.version, "created": not visible, "deduplicated": False}

    def _remember(self, op: Op, outcome: Outcome) -> Facts:
        """Where it goes is the store's affair; that it is there afterwards is not."""
        if outcome.error:
            return {}
        kept = self._at(Coordinate.of(outcome.document["coordinate"]).text)
        visible = kept.visible
        before = dict(kept.said or UNSAID) if visible else UNSAID
        if outcome.document["version"] > kept.version:
            kept.versions.append(before | _beyond_defaults(op["memory"]))
        return {"created": not visible, "deduplicated": visible, "version": kept.version}

    def _patch(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        kept = self._at(op["at"])
        if kept.said is None or not kept.visible:
            return NOT_FOUND
        if op["if_version"] and kept.version != op["if_version"]:
            return PRECONDITION
        changes = dict(op["changes"])
        payload = dict(kept.said["payload"])
        for name, value in changes.pop("payload", {}).items():
            if value is None:
                payload.pop(name, None)
            else:
                payload[name] = value
        after = kept.said | changes | {"payload": payload}
        if _text(after) != _text(kept.said):
            kept.versions.append(after)
        return {"version": kept.version, "created": False}

    def _restore(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        kept = self._at(op["at"])
        if op["version"] > kept.version:
            return NOT_FOUND
        said = kept.versions[op["version"] - 1]
        if said is None:
            return INVALID
        if op["if_version"] and not (kept.visible and kept.version == op["if_version"]):
            return PRECONDITION
        never = {"expires_at": None} if said["expires_at"] == PAST else {}
        kept.versions.append({**said, **never})
        return {"version": kept.version, "created": False}

    def _delete(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        kept = self._at(op["at"])
        if not kept.version:
            return NOT_FOUND
        if op["if_version"] and (kept.said is None or kept.version != op["if_version"]):
            return PRECONDITION
        if kept.said is not None:
            kept.versions.append(None)
        return {}

    def _delete_many(self, op: Op, outcome: Outcome) -> Facts:
        del outcome
        if op["places"] is not None:
            meant = [self._at(at) for at in dict.fromkeys(op["places"])]
        else:
            admits = PREDICATES[json.dumps(op["filter"])]
            meant = [kept for kept in self.visible.values() if admits(kept.said)]
        gone = [kept for kept in meant if kept.said is not None]
        for kept in gone:
            kept.versions.append(None)
        return {"deleted": len(gone)}

    def _decay(self, op: Op, outcome: Outcome) -> Facts | None:
        """What has expired ends; nothing else is due, as nothing was set to decay."""
        self._expired(op, outcome, outcome.document["effects"])
        return None

    def _reconcile(self, op: Op, outcome: Outcome) -> Facts | None:
        """Upkeep does as decay; there is no index, and the view is as the store."""
        jobs = {job["job"]: job["effects"] for job in outcome.document["jobs"]}
        assert jobs.keys() == set(op["jobs"]), (op, outcome)
        if "upkeep" in jobs:
            self._expired(op, outcome, jobs.pop("upkeep"))
        assert not any(jobs.values()), (op, outcome)
        return None

    def _expired(self, op: Op, outcome: Outcome, effects: Sequence[Any]) -> None:
        expired = {at: k for at, k in self.memories.items() if k.said and not k.visible}
        told = {Coordinate.of(e["coordinate"]).text for e in effects}
        assert told == expired.keys(), (op, outcome)
        if not op["dry_run"]:
            for kept in expired.values():
                kept.versions.append(None)

    def _link(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        if not (self._at(op["from"]).visible and self._at(op["to"]).visible):
            return NOT_FOUND
        return {"type": op["type"] or "related", "weight": float(op["weight"] or 1)}

    def _unlink(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        stored = self._at(op["from"]).version and self._at(op["to"]).version
        return {} if stored else NOT_FOUND

    def _neighbors(self, op: Op, outcome: Outcome) -> str | Facts | None:
        """Only what is visible is anybody's neighbour."""
        if not self._at(op["at"]).visible:
            return NOT_FOUND
        near = {Coordinate.of(n["coordinate"]).text for n in outcome.document["neighbors"]}
        assert near <= self.visible.keys(), (op, outcome)
        return None

    def _batch(self, op: Op, outcome: Outcome) -> Facts | None:
        """Item by item, as each alone."""
        if outcome.error:
            return {}
        for item, result in zip(op["items"], outcome.document["results"], strict=True):
            place = item.get("coordinate")
            memory = {name: value for name, value in item.items() if name != "coordinate"}
            if place == ["x"] or is_bad(Op("store", {"memory": memory})):
                assert result["status"] == 422, (op, outcome)
                continue
            kept = self._at(Coordinate.of(result["coordinate"]).text)
            if result["version"] > kept.version:
                before = UNSAID if place or not kept.visible else kept.said or UNSAID
                said = memory if place else _beyond_defaults(memory)
                kept.versions.append({**before, **said})
            assert kept.version >= result["version"], (op, outcome)
        return None

    def _erase(self, op: Op, outcome: Outcome) -> Facts:
        del op, outcome
        self.memories, self._receipts, self._is_blind = {}, {}, False
        return {}

    def _import(self, op: Op, outcome: Outcome) -> None:
        del op, outcome
        self._is_blind = True

    def _get(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        kept = self._at(op["at"])
        if kept.said is None or not kept.visible:
            return NOT_FOUND
        return {
            "version": kept.version,
            "payload": kept.said["payload"],
            "tags": list(dict.fromkeys(kept.said["tags"])),
            "importance": float(kept.said["importance"]),
            "pinned": kept.said["pinned"],
        }

    def _history(self, op: Op, outcome: Outcome) -> str | Facts | None:
        kept = self._at(op["at"])
        if not kept.version:
            return NOT_FOUND
        if op["limit"] is None:
            payloads = [None if said is None else said["payload"] for said in kept.versions]
            told = [one.get("payload") for one in outcome.document["versions"]]
            assert _text(told[::-1]) == _text(payloads), (op, outcome)
        return None

    def _list(self, op: Op, outcome: Outcome) -> Facts | None:
        if outcome.error:
            return {}
        admits = PREDICATES[json.dumps(op["filter"])]
        wanted = {
            at
            for at, kept in self.visible.items()
            if kept.said is not None
            and admits(kept.said)
            and (op["tag"] is None or op["tag"] in kept.said["tags"])
            and (op["kind"] is None or op["kind"] == kept.said["kind"])
        }
        shown = {Coordinate.of(m["coordinate"]).text for m in outcome.document["memories"]}
        assert shown <= wanted
        assert len(shown) == min(len(wanted), op["limit"] or 100), (op, outcome, wanted)
        return None


def _beyond_defaults(said: Said) -> Said:
    return {name: value for name, value in said.items() if value not in (UNSAID.get(name), [])}


def _more_than_one(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 1


PREDICATES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "null": lambda _: True,
    json.dumps({"note": "tea"}): lambda said: said["payload"].get("note") == "tea",
    json.dumps({"@tags": {"$contains": "a"}}): lambda said: "a" in said["tags"],
    json.dumps({"$or": [{"n": {"$gt": 1}}, {"@kind": "semantic"}]}): lambda said: (
        _more_than_one(said["payload"].get("n")) or said["kind"] == "semantic"
    ),
    json.dumps({"$not": {"@source": {"$in": ["Ada"]}}}): lambda said: said["source"] != "Ada",
}
"""What the filters of the histories admit, by their JSON."""


def _text(value: object) -> str:
    """As JSON, so that `1` and `True` differ; of a memory without regard to 1 and 1.0."""
    if isinstance(value, Mapping) and "importance" in value:
        tags = list(dict.fromkeys(value["tags"]))
        value = {**value, "importance": float(value["importance"]), "tags": tags}
    return json.dumps(value)


def _failed_whole(op: Op, outcome: Outcome) -> bool:
    """Nothing of a batch could be stored: its key is not looked at, and stands for nothing."""
    if op.name != "batch" or outcome.error:
        return False
    return all(result["status"] >= 300 for result in outcome.document["results"])


def is_bad(op: Op) -> bool:
    """Whether every door has to refuse it, whatever is stored."""
    memory = op["memory"] or op["changes"] or {}
    return (
        (op["at"] is not None and not _is_place(op["at"]))
        or "" in memory.get("tags", ())
        or memory.get("expires_at") == NO_TIME
        or op["limit"] == 0
        or op["weight"] == 0
        or (op.name == "link" and op["from"] == op["to"])
        or "$near" in str(op["filter"])
    )


def _same(one: Op, other: Op) -> bool:
    """Whether both are the same request to an idempotency key: the canonical place counts."""
    return one.name == other.name and _canonical(one) == _canonical(other)


def _canonical(op: Op) -> Mapping[str, Any]:
    unlike = {"at": Coordinate.parse(op["at"]).text} if op["at"] else {}
    return {**op.args, **unlike, "if_version": None}


def _is_place(text: str) -> bool:
    try:
        Coordinate.parse(text)
    except InvalidInput:
        return False
    return True
