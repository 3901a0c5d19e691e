"""Ports of this machine: the usual one where it is free, else another."""

import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sfm_core.errors import Conflict

HOST: Final = "127.0.0.1"
_QUIET: Final = range(20_000, 30_000)
"""Below the ports that a kernel gives to outgoing connections: a server that was killed finds its
own free when it comes back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of one listener."""

    name: str
    usual: int
    given: int | None
    """A port that must be had; 0: any free one; None: the usual one if that is free."""


def chosen(wishes: Iterable[Wanted]) -> dict[str, int]:
    """A free port for each, by name, all different.

    Nobody holds them until their servers do, so another process may be quicker: the server's
    own log says so then.

    Raises:
        Conflict: one that was given is taken.
    """
    held: list[socket.socket] = []
    try:
        found: dict[str, int] = {}
        # those that have a say go first, so that a free one does not take their port
        for wish in sorted(wishes, key=lambda each: (each.given is None, each.given == 0)):
            listener = _listener(wish)
            held.append(listener)
            found[wish.name] = listener.getsockname()[1]
        return found
    finally:
        for listener in held:
            listener.close()


def _listener(wish: Wanted) -> socket.socket:
    preferred = wish.usual if wish.given is None else wish.given
    if preferred:
        try:
            return socket.create_server((HOST, preferred))
        except OSError as error:
            if wish.given is not None:
                raise Conflict(
                    f"port {wish.given}, given for {wish.name}, cannot be had: {error}"
                ) from error
    for port in random.sample(_QUIET, len(_QUIET)):
        with suppress(OSError):
            return socket.create_server((HOST, port))
    raise Conflict(f"there is no free port for {wish.name}")
