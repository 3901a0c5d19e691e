"""The one table from error kinds to statuses, and the problem document both doors send."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sfm_core.coordinates import Coordinate
from sfm_core.errors import ErrorKind, InvalidInput, SfmError, VectorIndexUnavailable

PROBLEM_TYPE: Final = "application/problem+json"
MAX_FAULTS: Final = 100
"""Faults listed in one problem document; `detail` still tells how many there are."""

type ProblemValue = str | int | float | bool | list[dict[str, str]] | list[int | float]
type Problem = dict[str, ProblemValue]


@dataclass(frozen=True, slots=True)
class WireStatus:
    http: int
    grpc: int
    """Number of the `grpc.StatusCode`."""
    title: str


WIRE: Final[Mapping[ErrorKind, WireStatus]] = MappingProxyType(
    {
        ErrorKind.MALFORMED: WireStatus(400, 3, "Not JSON"),
        ErrorKind.TOO_LARGE: WireStatus(413, 8, "Too large"),
        ErrorKind.INVALID: WireStatus(422, 3, "Invalid input"),
        ErrorKind.UNAUTHENTICATED: WireStatus(401, 16, "Not authenticated"),
        ErrorKind.FORBIDDEN: WireStatus(403, 7, "Forbidden"),
        ErrorKind.NOT_FOUND: WireStatus(404, 5, "Not found"),
        ErrorKind.CONFLICT: WireStatus(409, 10, "Conflict"),
        ErrorKind.PRECONDITION_FAILED: WireStatus(412, 9, "Precondition failed"),
        ErrorKind.KEY_REUSED: WireStatus(422, 3, "Idempotency key reused"),
        ErrorKind.RATE_LIMITED: WireStatus(429, 8, "Too many requests"),
        ErrorKind.UNAVAILABLE: WireStatus(503, 14, "Temporarily unavailable"),
        ErrorKind.DEADLINE_EXCEEDED: WireStatus(504, 4, "Deadline exceeded"),
        ErrorKind.MISCONFIGURED: WireStatus(500, 13, "Misconfigured"),
        ErrorKind.CORRUPT: WireStatus(500, 15, "Stored data is corrupt"),
        ErrorKind.INTERNAL: WireStatus(500, 13, "Internal error"),
    }
)

_HIDDEN: Final = frozenset({ErrorKind.MISCONFIGURED, ErrorKind.CORRUPT, ErrorKind.INTERNAL})
_HIDDEN_DETAIL: Final = "The request id names this failure in the server's log."


def status_of(error: BaseException) -> WireStatus:
    """The status of any exception; what is not an `SfmError` is a bug, hence internal."""
    return WIRE[error.kind if isinstance(error, SfmError) else ErrorKind.INTERNAL]


def problem(error: BaseException, request_id: str) -> Problem:
    """The `application/problem+json` document for an error, JSON-ready.

    Kinds that callers can do nothing about (and bugs) keep their detail to the log. A
    `VectorIndexUnavailable` carries `durable: true` with its coordinate, version and position.
    """
    kind = error.kind if isinstance(error, SfmError) else ErrorKind.INTERNAL
    status = WIRE[kind]
    document: Problem = {
        "type": f"urn:sfm:error:{kind}",
        "title": status.title,
        "status": status.http,
        "detail": _detail(error, kind),
        "request_id": request_id,
    }
    if isinstance(error, InvalidInput):
        document["errors"] = [
            {"path": fault.path, "message": fault.message} for fault in error.faults[:MAX_FAULTS]
        ]
    if isinstance(error, VectorIndexUnavailable):
        document["durable"] = True
        document.update(_whereabouts(error))
    return document


def _whereabouts(error: VectorIndexUnavailable) -> Problem:
    found: Problem = {k: v for k, v in error.context.items() if k in ("version", "position")}
    if "coordinate" in error.context:
        text = str(error.context["coordinate"])
        found["coordinate"] = Coordinate.parse(text).numbers()
    return found


def _detail(error: BaseException, kind: ErrorKind) -> str:
    if not isinstance(error, SfmError) or kind in _HIDDEN:
        return _HIDDEN_DETAIL
    return error.detail
