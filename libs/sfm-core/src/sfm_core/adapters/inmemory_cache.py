"""The cache of one process: the twin of Redis, for tests."""

from collections.abc import Collection, Mapping
from typing import final
from uuid import UUID

from sfm_core.model import Memory


@final
class InMemoryCache:
    """Implements `Cache`; nothing in it ends by itself."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, UUID], tuple[int, Memory | None]] = {}
        self._fences: dict[tuple[str, str], int] = {}
        self._log = ""

    @property
    def log(self) -> str:
        return self._log

    def turn_to(self, log: str) -> None:
        self._log = log

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        found = (self._held.get((namespace, self._log, memory), (0, None))[1] for memory in ids)
        return {memory.id: memory for memory in found if memory is not None}

    async def keep(self, namespace: str, memories: Collection[Memory]) -> None:
        for memory in memories:
            self._put(namespace, memory.id, memory.position, memory)

    async def forget(self, namespace: str, positions: Mapping[UUID, int]) -> None:
        for memory, position in positions.items():
            self._put(namespace, memory, position, None)

    async def drop(self, namespace: str, *, position: int) -> int:
        self._fences[namespace, self._log] = position
        keys = [key for key in self._held if key[0] == namespace]
        for key in keys:
            del self._held[key]
        return len(keys)

    def _put(self, namespace: str, memory: UUID, position: int, row: Memory | None) -> None:
        known, _ = self._held.get((namespace, self._log, memory), (0, None))
        if position > max(known, self._fences.get((namespace, self._log), 0)):
            self._held[namespace, self._log, memory] = (position, row)
