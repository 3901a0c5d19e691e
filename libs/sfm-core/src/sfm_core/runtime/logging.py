"""JSON lines on stderr: one event name, facts as fields, the request and trace they belong to.

    log = logging.getLogger(__name__)
    log.info("batch.settled", extra={"size": 12, "took_s": 0.03})

gives `{"ts":"…Z","level":"info","event":"batch.settled","logger":"…","size":12,…}`. Memory text,
vectors, tokens and DSNs are never logged: fields with such names are masked, and of an
exception the line holds its class and stack, and its message only when it is an `SfmError`
(whose details name no values).
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import PurePath
from types import MappingProxyType, TracebackType
from typing import Final, TextIO, final, override

import orjson

from sfm_core.errors import SfmError
from sfm_core.runtime.secret import MASK

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("sfm_request_id", default=None)
TRACE_ID: Final[ContextVar[str | None]] = ContextVar("sfm_trace_id", default=None)

_OWN: Final = ("sfm_", "sfm.", "__main__")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MASKED: Final = frozenset(
    [
        "api_token",
        "authorization",
        "cookie",
        "dsn",
        "embedding",
        "headers",
        "password",
        "payload",
        "query",
        "secret",
        "text",
        "token",
        "vector",
    ]
)
_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s/@]*(?=@)")
_MAX_CHARS: Final = 2000
_MAX_FRAMES: Final = 20
_TAMED: Final[Mapping[str, int]] = MappingProxyType(
    {
        "aiokafka": logging.CRITICAL,  # each of its many tries would be a line; ours are `kafka.*`
        "asyncio": logging.WARNING,
        "asyncpg": logging.WARNING,
        "httpx": logging.WARNING,
        "httpcore": logging.WARNING,
        "hypercorn.error": logging.WARNING,
        "hypercorn.access": logging.CRITICAL,  # its lines hold paths, hence coordinates
    }
)


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of this process, libraries' too, to `stream` (stderr) as JSON.

    `level` is debug, info, warning or error. Replaces what was configured before.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, floor in _TAMED.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(floor, root.level))
    logging.captureWarnings(capture=True)


@contextmanager
def in_request(request_id: str, trace_id: str | None = None) -> Iterator[None]:
    """Lines written in this block, and by tasks started in it, carry these ids."""
    request, trace = REQUEST_ID.set(request_id), TRACE_ID.set(trace_id)
    try:
        yield
    finally:
        REQUEST_ID.reset(request)
        TRACE_ID.reset(trace)


@final
class JsonLines(logging.Formatter):
    """One JSON object per record, on one line, ASCII control characters escaped."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        own = record.name.startswith(_OWN)
        line: dict[str, object] = {
            "ts": _timestamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage() if own else f"{record.name}.logged",
            "logger": record.name,
        }
        if not own:
            line["message"] = _cut(_CREDENTIALS.sub(MASK, record.getMessage()))
        line.update(_fields(record))
        for name, variable in (("request_id", REQUEST_ID), ("trace_id", TRACE_ID)):
            if (value := variable.get()) is not None:
                line[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            line.update(_failure(record.exc_info[1]))
        return _json(line)


def _timestamp(created: float) -> str:
    at = datetime.fromtimestamp(created, UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {
        name: MASK if name in _MASKED else _plain(value)
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }


def _plain(value: object) -> object:
    """`value` as JSON shows it; what is no JSON scalar is shown by `str`, cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _cut(str(value))


def _failure(error: BaseException) -> dict[str, object]:
    found: dict[str, object] = {
        "error": type(error).__name__,
        "stack": _stack(error.__traceback__),
    }
    if isinstance(error, SfmError):
        found["detail"] = _cut(error.detail)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        found["cause"] = type(cause).__name__
    if isinstance(error, BaseExceptionGroup):
        found["errors"] = [type(inner).__name__ for inner in error.exceptions[:_MAX_FRAMES]]
    return found


def _stack(trace: TracebackType | None) -> list[str]:
    """Innermost last, without source lines, which may hold literals."""
    frames = traceback.extract_tb(trace)[-_MAX_FRAMES:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(filename: str) -> str:
    return "/".join(PurePath(filename).parts[-3:])


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}…"


def _json(line: dict[str, object]) -> str:
    try:
        return orjson.dumps(line).decode("utf-8")
    except TypeError:  # lone surrogates, integers beyond 64 bits
        return orjson.dumps({name: _escaped(value) for name, value in line.items()}).decode("utf-8")


def _escaped(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
