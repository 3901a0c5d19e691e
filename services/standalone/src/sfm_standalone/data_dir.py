"""The data directory: held by one process at a time, and found by the others.

lock          flock: let go by the system when its holder ends, however that comes about
serve.json    who serves from here: pid, URL, where the token lies; for the command line
token         the API token, when none is given by the environment (0600)
postgres/     the embedded PostgreSQL
models/       the packaged model, built at the first start
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, final

import psutil

from sfm_core.errors import Conflict, Misconfigured

LOCK: Final = "lock"
SERVE_FILE: Final = "serve.json"
TOKEN_FILE: Final = "token"  # noqa: S105 - the name of a file
_TOKEN_BYTES: Final = 32
_CLOCK_STEP_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Served:
    """What `serve.json` says."""

    pid: int
    started: float
    """When the process began, seconds since the epoch: a pid alone may be somebody else's."""
    url: str
    token_file: str | None
    """Absolute; None when the token came from the environment."""


@final
class DataDir:
    """A data directory that this process holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @contextmanager
    def held(cls, path: Path) -> Iterator["DataDir"]:
        """Hold the directory, made if it is not there, until the block ends.

        A holder that was killed holds no longer. Blocking, but never waiting.

        Raises:
            Conflict: another process holds it; the message names its pid and URL.
            Misconfigured: the directory cannot be made or written.
        """
        path = path.resolve()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Misconfigured(f"SFM_DATA_DIR {path}: {error.strerror}") from error
        try:
            _lock(descriptor, path)
            held = cls(path)
            try:
                yield held
            finally:
                (path / SERVE_FILE).unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def announce(self, url: str, token_file: Path | None) -> None:
        """Say in `serve.json` that this process serves at `url`; gone when it stops."""
        started = psutil.Process().create_time()
        token = None if token_file is None else str(token_file)
        served = Served(os.getpid(), started, url, token)
        _write_private(self.path / SERVE_FILE, json.dumps(asdict(served)) + "\n")

    def token(self) -> str:
        """The directory's own token: 43 random characters, made at the first call and kept."""
        file = self.path / TOKEN_FILE
        if file.exists():
            kept = file.read_text("utf-8").strip()
            if kept:
                return kept
        made = secrets.token_urlsafe(_TOKEN_BYTES)
        _write_private(file, made + "\n")
        return made

    @property
    def token_file(self) -> Path:
        return self.path / TOKEN_FILE


def served_from(path: Path) -> Served | None:
    """Who serves from this data directory right now; None when nobody does."""
    served = _read_serve_file(path)
    if served is None:
        return None
    try:
        started = psutil.Process(served.pid).create_time()
    except psutil.NoSuchProcess:
        return None
    return served if abs(started - served.started) < _CLOCK_STEP_S else None


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        served = _read_serve_file(path)
        where = f" at {served.url}" if served is not None and str(served.pid) == pid else ""
        raise Conflict(f"{path} is in use by process {pid or '?'}{where}") from None
    except OSError as error:
        raise Misconfigured(f"SFM_DATA_DIR {path} cannot be locked: {error.strerror}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def _read_serve_file(path: Path) -> Served | None:
    try:
        return Served(**json.loads((path / SERVE_FILE).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write_private(file: Path, text: str) -> None:
    """Replace the file as a whole, readable by its owner alone from its first moment."""
    made = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    made.replace(file)
