"""What is owed to the vector index, over what an `InMemoryStore` keeps."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.model import Owed


class InMemoryWal:
    """Implements `VectorWal` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def owe(self, namespace: str, ids: Collection[tuple[UUID, int]], *, reason: str) -> None:
        await anyio.lowlevel.checkpoint()
        space = self._store.peek(namespace)
        there = {row.memory.id for row in space.rows.values()}
        now = datetime.now(UTC)
        for memory, version in ids:
            if memory not in there:
                continue
            owed, due_at = space.owed.get(memory) or (
                Owed(
                    namespace=namespace,
                    memory_id=memory,
                    version=version,
                    reason=reason,
                    attempts=0,
                    since=now,
                ),
                now,
            )
            highest = max(owed.version, version)
            space.owed[memory] = (replace(owed, version=highest, reason=reason), due_at)

    async def due(
        self,
        *,
        now: datetime,
        limit: int,
        namespace: str | None = None,
        but: Collection[str] = (),
    ) -> Sequence[Owed]:
        await anyio.lowlevel.checkpoint()
        found = [
            (due_at, owed)
            for owed, due_at in self._all(namespace)
            if due_at <= now and owed.namespace not in but
        ]
        found.sort(key=lambda one: one[0])
        return [owed for _, owed in found[:limit]]

    async def paid(self, namespace: str, ids: Collection[tuple[UUID, int]]) -> int:
        await anyio.lowlevel.checkpoint()
        held = self._store.peek(namespace).owed
        done = {
            memory
            for memory, version in ids
            if memory in held and held[memory][0].version <= version
        }
        for memory in done:
            del held[memory]
        return len(done)

    async def failed(
        self, namespace: str, ids: Collection[UUID], *, reason: str, due_at: datetime
    ) -> None:
        await anyio.lowlevel.checkpoint()
        held = self._store.peek(namespace).owed
        for memory in ids:
            if memory in held:
                owed = held[memory][0]
                held[memory] = (
                    replace(owed, reason=reason, attempts=owed.attempts + 1),
                    due_at,
                )

    async def noted(self, namespace: str, *, limit: int) -> Sequence[UUID]:
        await anyio.lowlevel.checkpoint()
        return list(self._store.peek(namespace).owed)[:limit]

    async def size(self, namespace: str | None = None) -> tuple[int, datetime | None]:
        await anyio.lowlevel.checkpoint()
        since = [owed.since for owed, _ in self._all(namespace)]
        return len(since), min(since, default=None)

    def _all(self, namespace: str | None) -> Sequence[tuple[Owed, datetime]]:
        names = self._store.spaces() if namespace is None else [namespace]
        return [one for name in names for one in self._store.peek(name).owed.values()]
