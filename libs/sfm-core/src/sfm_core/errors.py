"""Every failure the system reports, grouped by what the caller can do about it.

SfmError
├── InvalidInput            fix the request (each fault with its path)
│   ├── MalformedJson       not JSON at all
│   ├── TooLarge            over a limit that is counted, not parsed
│   └── DimensionMismatch   a vector of another length than the namespace's
├── Unauthenticated         no credential, or an unknown one
├── Forbidden               the credential does not reach that far
├── NotFound                nothing under that coordinate
├── Conflict                re-read, then try again
│   ├── PreconditionFailed  `If-Match` / `If-None-Match` did not hold
│   └── KeyReused           an idempotency key came back with another request
├── RateLimited             wait as long as it says
├── Unavailable             wait, then try the same call again
│   ├── DeadlineExceeded
│   └── VectorIndexUnavailable   stored for good, not yet in the vector index
├── Misconfigured           a setting is wrong; the process does not start
└── Corrupt                 stored data breaks an invariant; needs an operator
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """What went wrong, in a word; `sfm_core.runtime.wire` maps each to a status."""

    INVALID = "invalid"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition-failed"
    KEY_REUSED = "key-reused"
    RATE_LIMITED = "rate-limited"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    MISCONFIGURED = "misconfigured"
    CORRUPT = "corrupt"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request."""

    path: str
    """Where, as a JSON-pointer-like path: `/tags/3`; empty for the whole document."""
    message: str


class SfmError(Exception):
    """Base of every error raised on purpose; anything else is a bug."""

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    retriable: ClassVar[bool] = False

    def __init__(self, detail: str, /, **context: str | int | float) -> None:
        super().__init__(detail)
        self.detail = detail
        self.context = context


class InvalidInput(SfmError):
    """The request is wrong; `faults` says where. Nothing was stored."""

    kind = ErrorKind.INVALID

    def __init__(self, detail: str, /, *, faults: Sequence[Fault] = (), path: str = "") -> None:
        super().__init__(detail)
        self.faults: tuple[Fault, ...] = tuple(faults) or (Fault(path, detail),)


class MalformedJson(InvalidInput):
    kind = ErrorKind.MALFORMED


class TooLarge(InvalidInput):
    kind = ErrorKind.TOO_LARGE


class DimensionMismatch(InvalidInput):
    """A vector's length is not what the store holds."""


class Unauthenticated(SfmError):
    kind = ErrorKind.UNAUTHENTICATED


class Forbidden(SfmError):
    kind = ErrorKind.FORBIDDEN


class NotFound(SfmError):
    kind = ErrorKind.NOT_FOUND


class Conflict(SfmError):
    kind = ErrorKind.CONFLICT
    retriable = True


class PreconditionFailed(SfmError):
    kind = ErrorKind.PRECONDITION_FAILED


class KeyReused(InvalidInput):
    kind = ErrorKind.KEY_REUSED


class RateLimited(SfmError):
    kind = ErrorKind.RATE_LIMITED
    retriable = True


class Unavailable(SfmError):
    """Something this call needs does not answer. `retry_after_s` is a hint in seconds."""

    kind = ErrorKind.UNAVAILABLE
    retriable = True
    retry_after_s: float = 1.0


class Declined(Unavailable):
    """It answers, and will not do this; the same again fares the same, until one side changes."""


class DeadlineExceeded(Unavailable):
    kind = ErrorKind.DEADLINE_EXCEEDED


class VectorIndexUnavailable(Unavailable):
    """What was written is durable, and not yet in the vector index; it will be.

    `outcome` is what the call would have answered. Of one memory the context says coordinate,
    version and position, of several the highest position. The same call again is harmless with
    an idempotency key, and tries to index once more.
    """

    def __init__(
        self, detail: str, /, *, outcome: object = None, **context: str | int | float
    ) -> None:
        super().__init__(detail, **context)
        self.outcome = outcome


class Misconfigured(SfmError):
    kind = ErrorKind.MISCONFIGURED


class Corrupt(SfmError):
    kind = ErrorKind.CORRUPT
