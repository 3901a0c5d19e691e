"""The results as documents, and their sum."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from sfm_core import encode
from sfm_core.coordinates import Coordinate
from sfm_core.errors import SfmError
from sfm_core.model import LinkKey
from sfm_core.runtime.wire import WIRE, problem
from sfm_core.transfer.verdicts import Outcome

_SUMMED: Final = tuple(Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one memory's line."""

    outcome: Outcome
    coordinate: Coordinate
    """Of a link: its origin."""
    version: int
    """0: of what never was, and of a link."""
    link: LinkKey | None = None
    position: int | None = None
    """Of the event it made; None when it made none."""


type Result = tuple[int, Done | SfmError]
"""With the line's number."""


@final
class Tally:
    """What has become of the lines so far."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._position = 0
        self._last = 0

    def count(
        self, results: Sequence[Result], request_id: str, *, last: int
    ) -> list[encode.Document]:
        """A document per result, `{line, status, …}`; `last`: up to which line all is done."""
        self._last = max(self._last, last)
        return [self._document(number, result, request_id) for number, result in results]

    def summary(
        self, *, complete: bool | None, error: SfmError | None, request_id: str
    ) -> encode.Document:
        """`complete`: whether the export in the stream came whole; None: there was none."""
        document: encode.Document = {
            "sfm": "imported",
            **{outcome.value: self._counts[outcome] for outcome in _SUMMED},
            "failed": self._counts["failed"],
            "lines": self._last,
            "complete": complete if error is None else False,
            "position": self._position,
        }
        if error is not None:
            document["error"] = _problem(error, request_id)
        return document

    def _document(self, number: int, result: Done | SfmError, request_id: str) -> encode.Document:
        if isinstance(result, SfmError):
            self._counts["failed"] += 1
            status = WIRE[result.kind].http
            return {"line": number, "status": status, "error": _problem(result, request_id)}
        self._counts[result.outcome] += 1
        self._position = max(self._position, result.position or 0)
        document: encode.Document = {
            "line": number,
            "status": 201 if result.outcome is Outcome.CREATED else 200,
            "outcome": result.outcome.value,
        }
        if result.link is None:
            document |= {"coordinate": result.coordinate.numbers(), "version": result.version}
        else:
            document |= _link(result.link)
        if result.position is not None:
            document["position"] = result.position
        return document


def _link(key: LinkKey) -> encode.Document:
    return {"from": key.origin.numbers(), "to": key.target.numbers(), "type": key.type}


def _problem(error: SfmError, request_id: str) -> encode.Document:
    document: encode.Document = dict(problem(error, request_id))
    if not request_id:
        del document["request_id"]
    return document
