"""What a door answered, without what must differ: namespaces, ids, times, positions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ELSEWHERE = frozenset(
    [
        "namespace",
        "id",
        "event_id",
        "position",
        "created_at",
        "updated_at",
        "at",
        "timestamp",
        "took_ms",
        "request_id",
        "next_cursor",
        "next",
        "view_bytes",
        "bytes",
        "erased_at",
        "before",
        "after",
        "truth",
    ]
)
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Op:
    """One call: its name, and what it is given, as the REST contract has it."""

    name: str
    args: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.args.get(name)


@dataclass(frozen=True, slots=True)
class Outcome:
    error: str = ""
    """The problem's type; empty on success."""
    faults: tuple[tuple[str, str], ...] = ()
    document: Any = None


def succeeded(document: object) -> Outcome:
    return Outcome(document=_compared(json.loads(json.dumps(document))))


def refused(problem: Mapping[str, Any]) -> Outcome:
    faults = sorted((fault["path"], fault["message"]) for fault in problem.get("errors", ()))
    return Outcome(error=problem["type"], faults=tuple(faults))


def _compared(value: object) -> object:
    if isinstance(value, dict):
        kept = {
            k: v if k == "payload" else _compared(v)
            for k, v in value.items()
            if k not in _ELSEWHERE
        }
        hits = kept.get("hits")
        if isinstance(hits, list):  # ids decide ties, and differ
            hits.sort(key=lambda hit: (-hit["score"], hit["coordinate"]))
        return kept
    if isinstance(value, list):
        value = [one for one in value if not _is_untimed(one)]
        return [_compared(one) for one in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _is_untimed(value: object) -> bool:
    """Accesses are noted in the background: how many an erasure finds is chance."""
    return isinstance(value, dict) and value.get("store") == "accesses"
