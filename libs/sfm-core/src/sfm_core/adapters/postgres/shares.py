"""How much of the connections one namespace, or one kind of work, may take."""

from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from typing import final

import anyio

from sfm_core.errors import Unavailable


@final
class Shares[Key: Hashable]:
    """Lets at most `most` callers of one key in at a time; the next wait their turn outside."""

    def __init__(self, most: int, *, patience_s: float) -> None:
        self._most = most
        self._patience_s = patience_s
        self._gates: dict[Key, tuple[anyio.Semaphore, list[None]]] = {}

    @asynccontextmanager
    async def held(self, key: Key) -> AsyncGenerator[None]:
        """Inside the block one of the key's places is the caller's.

        Raises:
            Unavailable: none became free in time.
        """
        gate, users = self._gates.setdefault(key, (anyio.Semaphore(self._most), []))
        users.append(None)
        try:
            with anyio.move_on_after(self._patience_s) as patience:
                await gate.acquire()
            if patience.cancelled_caught:
                raise Unavailable("too many others wait for the same namespace")
            try:
                yield
            finally:
                gate.release()
        finally:
            users.pop()
            if not users:
                del self._gates[key]

    @property
    def keys(self) -> frozenset[Key]:
        """Those that somebody holds or waits for a place of."""
        return frozenset(self._gates)
