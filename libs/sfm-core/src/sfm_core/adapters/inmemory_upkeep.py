"""What upkeep asks of the store, over what an `InMemoryStore` keeps."""

from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.write_rules import has_expired
from sfm_core.coordinates import Coordinate
from sfm_core.generations import fence
from sfm_core.model import Access, Aging, Due, Event, EventType, Memory, Standing

_SAYINGS: Final = frozenset({EventType.CREATED, EventType.UPDATED, EventType.RESTORED})
_OF_LINKS: Final = frozenset({EventType.LINKED, EventType.UNLINKED})


class InMemoryUpkeep:
    """Implements `UpkeepRows`, `AccessStore`, `ReceiptStore` and `JobLocks` for tests."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self._accesses: dict[tuple[str, UUID], Access] = {}
        self._jobs: set[tuple[str, str]] = set()

    def forget(self, namespace: str) -> int:
        """Drop what is counted of a namespace; of how many memories it was."""
        gone = [key for key in self._accesses if key[0] == namespace]
        for key in gone:
            del self._accesses[key]
        return len(gone)

    async def expired(self, namespace: str, *, now: datetime, limit: int) -> Sequence[Due]:
        await anyio.lowlevel.checkpoint()
        past = [
            (memory.draft.expires_at, memory.coordinate.text, memory)
            for memory, _ in self._live(namespace)
            if has_expired(memory.draft.expires_at, now)
        ]
        past.sort(key=lambda item: item[:2])
        return [Due(coordinate=m.coordinate, version=m.version) for _, _, m in past[:limit]]

    async def count(self, namespace: str, *, now: datetime) -> int:
        await anyio.lowlevel.checkpoint()
        return sum(not has_expired(m.draft.expires_at, now) for m, _ in self._live(namespace))

    async def agings(
        self,
        namespace: str,
        *,
        now: datetime,
        keys: Collection[str],
        since: datetime,
        importance: float,
        after: Coordinate | None,
        limit: int,
    ) -> Sequence[Aging]:
        await anyio.lowlevel.checkpoint()
        found = [
            Aging(
                coordinate=memory.coordinate,
                version=memory.version,
                importance=memory.draft.importance,
                since=max(memory.happened_at, said_at),
                keys=frozenset(memory.draft.payload) & frozenset(keys),
            )
            for memory, said_at in self._page(namespace, now, after)
        ]
        fitting = (a for a in found if a.keys and a.since <= since and a.importance <= importance)
        return list(fitting)[:limit]

    async def standings(
        self, namespace: str, *, now: datetime, after: Coordinate | None, limit: int
    ) -> Sequence[Standing]:
        await anyio.lowlevel.checkpoint()
        found = []
        for memory, said_at in self._page(namespace, now, after):
            access = self._accesses.get((namespace, memory.id))
            standing = Standing(
                coordinate=memory.coordinate,
                version=memory.version,
                importance=memory.draft.importance,
                last_at=said_at if access is None else max(access.last_at, said_at),
                since=max(memory.happened_at, said_at),
            )
            found.append(standing)
        return found[:limit]

    async def add(
        self, namespace: str, accesses: Sequence[Access], *, generation: int | None = None
    ) -> None:
        await anyio.lowlevel.checkpoint()
        fence(generation, self._store.peek(namespace).generation)
        live = {memory.id for memory, _ in self._live(namespace)}
        for access in accesses:
            if access.id in live:
                before = self._accesses.get((namespace, access.id))
                self._accesses[namespace, access.id] = Access(
                    id=access.id,
                    hits=access.hits + (before.hits if before else 0),
                    last_at=max(access.last_at, before.last_at) if before else access.last_at,
                )

    async def counted(self, namespace: str, ids: Collection[UUID]) -> dict[UUID, Access]:
        await anyio.lowlevel.checkpoint()
        keys = [(namespace, id_) for id_ in ids]
        return {key[1]: self._accesses[key] for key in keys if key in self._accesses}

    async def sweep(self, namespace: str) -> int:
        await anyio.lowlevel.checkpoint()
        live = {memory.id for memory, _ in self._live(namespace)}
        dead = [key for key in self._accesses if key[0] == namespace and key[1] not in live]
        for key in dead:
            del self._accesses[key]
        return len(dead)

    async def old_receipts(self, *, before: datetime) -> int:
        await anyio.lowlevel.checkpoint()
        return self._store.old_receipts(before)

    async def sweep_receipts(self, *, before: datetime, limit: int) -> int:
        await anyio.lowlevel.checkpoint()
        return self._store.forget_receipts(before, limit)

    @asynccontextmanager
    async def held(self, namespace: str, *jobs: str) -> AsyncGenerator[bool]:
        await anyio.lowlevel.checkpoint()
        wanted = {(namespace, job) for job in jobs}
        is_ours = not wanted & self._jobs
        if is_ours:
            self._jobs |= wanted
        try:
            yield is_ours
        finally:
            if is_ours:
                self._jobs -= wanted

    def _page(
        self, namespace: str, now: datetime, after: Coordinate | None
    ) -> list[tuple[Memory, datetime]]:
        """Unpinned and unexpired memories behind `after`, by coordinate."""
        behind = "" if after is None else after.text
        found = [
            (memory, said_at)
            for memory, said_at in self._live(namespace)
            if memory.coordinate.text > behind
            and not memory.draft.pinned
            and not has_expired(memory.draft.expires_at, now)
        ]
        return sorted(found, key=lambda item: item[0].coordinate.text)

    def _live(self, namespace: str) -> Iterator[tuple[Memory, datetime]]:
        """Live memories with the time at which each was last said."""
        last: dict[UUID, Event] = {}
        said_at: dict[UUID, datetime] = {}
        for event in self._store.log(namespace):
            if event.type in _OF_LINKS:
                continue
            last[event.memory_id] = event
            if event.type in _SAYINGS:
                before = said_at.get(event.memory_id, event.at)
                said_at[event.memory_id] = max(before, event.at)
        for id_, event in last.items():
            if event.memory is None:
                continue
            is_decay = event.type is EventType.DECAYED
            said = said_at.get(id_, event.memory.created_at) if is_decay else event.at
            yield event.memory, said
