"""The EventLog in memory, over what an `InMemoryStore` keeps."""

from bisect import bisect_right
from itertools import islice

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.windows import event_bytes, fitting
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.model import Event, EventPage, History


class InMemoryEvents:
    """Implements `EventLog` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def history(
        self, namespace: str, coordinate: Coordinate, *, limit: int, before: int | None = None
    ) -> History:
        await anyio.lowlevel.checkpoint()
        events = self._of(namespace, coordinate)
        wanted = [event for event in events if before is None or event.version < before]
        wanted.sort(key=lambda event: event.version, reverse=True)
        page = fitting(wanted, event_bytes, limit)
        return History(
            events=page, next_before=page[-1].version if len(page) < len(wanted) else None
        )

    async def at_version(
        self, namespace: str, coordinate: Coordinate, version: int
    ) -> Event | None:
        await anyio.lowlevel.checkpoint()
        events = self._of(namespace, coordinate)
        return next((event for event in events if event.version == version), None)

    async def page(self, namespace: str, *, after: int, limit: int) -> EventPage:
        await anyio.lowlevel.checkpoint()
        log = self._store.log(namespace)
        start = bisect_right(log, after, key=lambda event: event.position)
        events = tuple(fitting(islice(log, start, None), event_bytes, limit))
        position = events[-1].position if events else after
        return EventPage(events=events, position=position, more=start + len(events) < len(log))

    def _of(self, namespace: str, coordinate: Coordinate) -> list[Event]:
        memory = memory_id(namespace, coordinate)
        return [event for event in self._store.log(namespace) if event.memory_id == memory]
