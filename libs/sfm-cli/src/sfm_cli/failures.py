"""What can go wrong, as an exit code and as lines on stderr.

One table leads from the error kinds of the product to exit codes, whichever way a failure came:
raised in this process, or as the problem document of a server.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, Self

from sfm_core.errors import ErrorKind, SfmError
from sfm_core.runtime.wire import problem


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    INVALID = 4
    UNAVAILABLE = 5
    DENIED = 6
    CONFLICT = 7
    MISCONFIGURED = 8
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


MEANINGS: Final[Mapping[ExitCode, str]] = MappingProxyType(
    {
        ExitCode.OK: "done",
        ExitCode.FAILED: "some lines of a bulk failed, or an internal error",
        ExitCode.USAGE: "the command line is wrong",
        ExitCode.NOT_FOUND: "no memory there",
        ExitCode.INVALID: "the input is invalid; each fault is named with its path",
        ExitCode.UNAVAILABLE: "something does not answer, or too late: try again",
        ExitCode.DENIED: "no token, a wrong one, or one that does not reach that far",
        ExitCode.CONFLICT: "a conflict, or --if-version / --if-absent did not hold",
        ExitCode.MISCONFIGURED: "a setting is wrong",
        ExitCode.INTERRUPTED: "stopped by Ctrl-C",
        ExitCode.OUTPUT_CLOSED: "the reader of the output went away",
    }
)

CODES: Final[Mapping[ErrorKind, ExitCode]] = MappingProxyType(
    {
        ErrorKind.INVALID: ExitCode.INVALID,
        ErrorKind.MALFORMED: ExitCode.INVALID,
        ErrorKind.TOO_LARGE: ExitCode.INVALID,
        ErrorKind.KEY_REUSED: ExitCode.INVALID,
        ErrorKind.UNAUTHENTICATED: ExitCode.DENIED,
        ErrorKind.FORBIDDEN: ExitCode.DENIED,
        ErrorKind.NOT_FOUND: ExitCode.NOT_FOUND,
        ErrorKind.CONFLICT: ExitCode.CONFLICT,
        ErrorKind.PRECONDITION_FAILED: ExitCode.CONFLICT,
        ErrorKind.RATE_LIMITED: ExitCode.UNAVAILABLE,
        ErrorKind.UNAVAILABLE: ExitCode.UNAVAILABLE,
        ErrorKind.DEADLINE_EXCEEDED: ExitCode.UNAVAILABLE,
        ErrorKind.MISCONFIGURED: ExitCode.MISCONFIGURED,
        ErrorKind.CORRUPT: ExitCode.FAILED,
        ErrorKind.INTERNAL: ExitCode.FAILED,
    }
)
_KIND: Final = "urn:sfm:error:"


class OutputClosed(Exception):
    """Nobody reads what we write any more."""


class Failure(Exception):
    """A command that did not do what was asked, with the problem document that says why."""

    def __init__(self, document: Mapping[str, Any], *, retry_after_s: float | None = None) -> None:
        super().__init__(str(document.get("detail", "")))
        self.document = dict(document)
        self.retry_after_s = retry_after_s
        self.as_json = False
        """Whether the caller wants the document rather than lines."""

    @classmethod
    def of(cls, error: SfmError) -> Self:
        """A failure of this process: nothing is hidden, there is no other log to look into."""
        document: dict[str, Any] = dict(problem(error, ""))
        del document["request_id"]
        return cls(document | {"detail": error.detail})

    @property
    def kind(self) -> ErrorKind | None:
        """None when the document names none that we know."""
        name = str(self.document.get("type", "")).removeprefix(_KIND)
        return ErrorKind(name) if name in set(ErrorKind) else None

    @property
    def code(self) -> ExitCode:
        if self.kind is not None:
            return CODES[self.kind]
        status = self.document.get("status")
        served = isinstance(status, int) and 400 <= status < 500
        return ExitCode.INVALID if served else ExitCode.UNAVAILABLE

    def lines(self) -> Iterator[str]:
        """One line per fault, with its path; else the detail."""
        faults = self.document.get("errors") or ()
        for fault in faults:
            where = f"{fault['path']}: " if fault["path"] else ""
            yield f"{where}{fault['message']}"
        if not faults:
            detail = str(self.document.get("detail") or self.document.get("title") or "failed")
            request_id = self.document.get("request_id")
            shown = self.code is ExitCode.FAILED and request_id
            yield f"{detail} (request id {request_id})" if shown else detail


@contextmanager
def told(*, as_json: bool) -> Iterator[None]:
    """Whatever fails in the block comes out as a `Failure`, to be told as the caller wants it."""
    try:
        yield
    except SfmError as error:
        failure = Failure.of(error)
        failure.as_json = as_json
        raise failure from error
    except Failure as failure:
        failure.as_json = as_json
        raise
