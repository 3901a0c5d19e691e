"""The memory of one namespace as a dict: what every door has to agree with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

type Facts = Mapping[str, Any]
type Said = Mapping[str, Any]


@dataclass
class Kept:
    """One memory or tombstone."""

    version: int
    said: Said | None
    """What was stored; None: it is deleted."""

    @property
    def visible(self) -> bool:
        return self.said is not None and self.said.get("expires_at") != PAST


class Model:
    """Predicts of an `Op` its error, or some facts of its document."""

    def __init__(self) -> None:
        self.memories: dict[str, Kept] = {}
        self._receipts: dict[str, tuple[Op, Facts | None]] = {}
        self._rules: dict[str, Callable[[Op, Outcome], str | Facts | None]] = {
            "store": self._store,
            "remember": self._remember,
            "delete": self._delete,
            "get": self._get,
            "list": self._list,
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
        if op["key"] and not outcome.error:
            self._receipts.setdefault(op["key"], (op, expected))  # type: ignore[arg-type]

    @property
    def visible(self) -> dict[str, Kept]:
        return {at: kept for at, kept in self.memories.items() if kept.visible}

    def _expected(self, op: Op, outcome: Outcome) -> str | Facts | None:
        if is_bad(op):
            return INVALID
        if op["key"] in self._receipts:
            before, facts = self._receipts[op["key"]]
            return facts if _same(before, op) else KEY_REUSED
        rule = self._rules.get(op.name)
        return None if rule is None else rule(op, outcome)

    def _store(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        at = Coordinate.parse(op["at"]).text
        kept = self.memories.get(at)
        visible = kept is not None and kept.visible
        version = 0 if kept is None else kept.version
        if op["if_version"] and not (visible and version == op["if_version"]):
            return PRECONDITION
        self.memories[at] = Kept(version + 1, op["memory"])
        return {"version": version + 1, "created": not visible, "deduplicated": False}

    def _remember(self, op: Op, outcome: Outcome) -> Facts:
        """Where it goes is the store's affair; that it is there afterwards is not."""
        if outcome.error:
            return {}
        at = Coordinate.of(outcome.document["coordinate"]).text
        kept = self.memories.get(at)
        visible = kept is not None and kept.visible
        said = dict(kept.said or {}) if kept is not None and visible else {}
        self.memories[at] = Kept(outcome.document["version"], said | op["memory"])
        return {"created": not visible, "deduplicated": visible}

    def _delete(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        at = Coordinate.parse(op["at"]).text
        kept = self.memories.get(at)
        if kept is None:
            return NOT_FOUND
        if op["if_version"] and (kept.said is None or kept.version != op["if_version"]):
            return PRECONDITION
        if kept.said is not None:
            self.memories[at] = Kept(kept.version + 1, None)
        return {}

    def _get(self, op: Op, outcome: Outcome) -> str | Facts:
        del outcome
        kept = self.memories.get(Coordinate.parse(op["at"]).text)
        if kept is None or kept.said is None or not kept.visible:
            return NOT_FOUND
        return {"version": kept.version, "payload": kept.said["payload"]}

    def _list(self, op: Op, outcome: Outcome) -> Facts | None:
        if set(op.args) - {"limit"} or outcome.error:
            return None
        shown = {Coordinate.of(m["coordinate"]).text for m in outcome.document["memories"]}
        assert shown <= self.visible.keys()
        assert len(shown) == min(len(self.visible), op["limit"] or 100)
        return None


def is_bad(op: Op) -> bool:
    """Whether every door has to refuse it, whatever is stored."""
    memory = op["memory"] or {}
    return (
        (op["at"] is not None and not _is_place(op["at"]))
        or "" in memory.get("tags", ())
        or memory.get("expires_at") == NO_TIME
        or op["limit"] == 0
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
