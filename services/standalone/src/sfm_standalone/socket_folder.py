"""A folder for the server's Unix socket, whose path may be no longer than about 100 bytes."""

import errno
import hashlib
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from sfm_core.errors import Misconfigured

SOCKET_NAME = ".s.PGSQL.5432"


def socket_folder(folder: Path) -> Path:
    """`<folder>/run`, or one under the temporary directory where a socket cannot be made there.

    The same data folder always gets the same one (so that a leftover's socket is found), and only
    this user can enter it: who reaches the socket is trusted by the server.

    Raises:
        Misconfigured: neither place will do.
    """
    named = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
    elsewhere = Path(tempfile.gettempdir(), f"sfm-{os.geteuid()}-{named}")
    for candidate in (folder.resolve() / "run", elsewhere):
        candidate.mkdir(mode=0o700, exist_ok=True)
        state = candidate.lstat()
        private = state.st_uid == os.geteuid() and state.st_mode & 0o077 == 0
        if private and not candidate.is_symlink() and _takes_sockets(candidate):
            return candidate
    raise Misconfigured(f"no place for a Unix socket: neither {folder / 'run'} nor {elsewhere}")


def abandon(folder: Path) -> None:
    """Remove a socket folder whose server is gone; one that is not empty stays."""
    with suppress(OSError):
        folder.rmdir()


def _takes_sockets(folder: Path) -> bool:
    """Whether a socket can be bound there: the path may be too long, the file system unable.

    Where another who asks at the same time has just bound the probe, it can.
    """
    probe = folder / f"{SOCKET_NAME}.p"
    probe.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(str(probe))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    probe.unlink(missing_ok=True)
    return True
