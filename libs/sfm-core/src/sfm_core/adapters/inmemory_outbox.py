"""The Outbox in memory, over what an `InMemoryStore` keeps."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import anyio
import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.windows import event_bytes, fitting
from sfm_core.model import Event, EventType
from sfm_core.ports.outbox import LEASE_S, Unsent


class InMemoryOutbox:
    """Implements `Outbox` for tests and trials; several may be over one store."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def relay(
        self,
        publish: Callable[[Sequence[Unsent]], Awaitable[None]],
        *,
        limit: int,
        lease_s: float = LEASE_S,
    ) -> int:
        await anyio.lowlevel.checkpoint()
        claimed = self._free(limit)
        if not claimed:
            return 0
        marks, claim = self._store.marks_of_sending, uuid4()
        held = frozenset(event.memory_id for event in claimed)
        marks.claims[claim] = held, anyio.current_time() + lease_s
        try:
            await publish([unsent_of(self._store, event) for event in claimed])
            marks.sent |= {event.position for event in claimed}
        finally:
            marks.claims.pop(claim, None)
        return len(claimed)

    async def backlog(self) -> tuple[int, datetime | None]:
        await anyio.lowlevel.checkpoint()
        unsent = self._every_unsent()
        return len(unsent), unsent[0].at if unsent else None

    def _free(self, limit: int) -> list[Event]:
        claims, now = self._store.marks_of_sending.claims, anyio.current_time()
        for claim in [one for one, (_, until) in claims.items() if until <= now]:
            del claims[claim]
        held = frozenset[UUID]().union(*(memories for memories, _ in claims.values()))
        free = (event for event in self._every_unsent() if event.memory_id not in held)
        return fitting(free, event_bytes, limit)

    def _every_unsent(self) -> list[Event]:
        sent = self._store.marks_of_sending.sent
        every = (event for name in self._store.every() for event in self._store.log(name))
        return sorted(
            (event for event in every if event.position not in sent),
            key=lambda event: event.position,
        )


def unsent_of(store: InMemoryStore, event: Event) -> Unsent:
    """The event with its generation and trace."""
    present = store.peek(event.namespace).generation
    return Unsent(
        event=event,
        generation=event.version if event.type is EventType.ERASED else present,
        trace=store.marks_of_sending.traces.get(event.position),
    )
