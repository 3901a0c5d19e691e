"""The Outbox in memory, over what an `InMemoryStore` keeps."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.model import Event, EventType
from sfm_core.ports.outbox import Unsent


class InMemoryOutbox:
    """Implements `Outbox` for tests and trials; several may be over one store."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def relay(
        self, publish: Callable[[Sequence[Unsent]], Awaitable[None]], *, limit: int
    ) -> int:
        await anyio.lowlevel.checkpoint()
        claimed = self._claim(limit)
        if not claimed:
            return 0
        marks = self._store.marks_of_sending
        held = {event.position for event in claimed}
        marks.held |= held
        try:
            await publish([unsent_of(self._store, event) for event in claimed])
            marks.sent |= held
        finally:
            marks.held -= held
        return len(claimed)

    async def backlog(self) -> tuple[int, datetime | None]:
        await anyio.lowlevel.checkpoint()
        unsent = self._every_unsent()
        return len(unsent), unsent[0].at if unsent else None

    def _claim(self, limit: int) -> list[Event]:
        held = self._store.marks_of_sending.held
        waiting: set[UUID] = set()
        claimed: list[Event] = []
        for event in self._every_unsent():
            if event.position in held:
                waiting.add(event.memory_id)
            elif event.memory_id not in waiting and len(claimed) < limit:
                claimed.append(event)
        return claimed

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
