"""The Archive in memory, over what an `InMemoryStore` keeps."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_rows import Row
from sfm_core.coordinates import Coordinate
from sfm_core.importance import RESERVOIR
from sfm_core.model import (
    Archived,
    CarriedSample,
    Cut,
    Event,
    EventType,
    Link,
    LinkKey,
    LinkOccupant,
    Occupant,
    Sample,
)

_PAGE: Final = 100
_NOT_OF_MEMORIES: Final = frozenset({EventType.LINKED, EventType.UNLINKED, EventType.ERASED})


class InMemoryArchive:
    """Implements `Archive` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def cut(self, namespace: str) -> Cut:
        await anyio.lowlevel.checkpoint()
        positions = [event.position for event in self._store.log(namespace)]
        positions += [position for position, _ in self._store.brought(namespace)]
        generation = await self.generation(namespace)
        return Cut(position=max(positions, default=0), generation=generation)

    async def scan(
        self, namespace: str, cut: Cut, *, history: bool, model_revision: str | None
    ) -> AsyncIterator[Sequence[Archived]]:
        events = [
            event
            for event in self._store.log(namespace)
            if event.position <= cut.position and event.type not in _NOT_OF_MEMORIES
        ]
        brought = [
            _sample(position, sample.coordinate, sample.version, sample.importance)
            for position, sample in self._store.brought(namespace)
            if position <= cut.position
        ]
        latest = {event.memory_id: event.position for event in events}
        rows = {row.memory.id: row for row in self._store.rows(namespace)}
        found = [
            _archived(event, latest, rows.get(event.memory_id), model_revision) for event in events
        ]
        if not history:
            past = _past(found, brought)
            found = [one for one in found if one.latest and one.memory is not None]
            brought = past
        found = sorted([*found, *brought], key=lambda one: one.position)
        for start in range(0, len(found), _PAGE):
            await anyio.lowlevel.checkpoint()
            yield found[start : start + _PAGE]

    async def links(self, namespace: str, cut: Cut) -> AsyncIterator[Sequence[Link]]:
        await anyio.lowlevel.checkpoint()
        events = [e for e in self._store.log(namespace) if e.position <= cut.position]
        last = {event.link.key: event for event in events if event.link is not None}
        there = [event for event in last.values() if event.type is EventType.LINKED]
        ordered = sorted(there, key=lambda event: event.position)
        if ordered:
            yield [event.link for event in ordered if event.link is not None]

    async def links_standing(
        self, namespace: str, keys: Collection[LinkKey]
    ) -> Mapping[LinkKey, LinkOccupant]:
        await anyio.lowlevel.checkpoint()
        found: dict[LinkKey, LinkOccupant] = {}
        for event in self._store.log(namespace):
            if event.link is not None and event.link.key in keys:
                ended = event.type is EventType.UNLINKED
                weight = None if ended else event.link.weight
                found[event.link.key] = LinkOccupant(weight=weight, updated_at=event.at)
        return found

    async def generation(self, namespace: str) -> int:
        return await self._store.generation(namespace)

    async def standing(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Occupant]:
        await anyio.lowlevel.checkpoint()
        wanted = frozenset(coordinates)
        return {
            row.memory.coordinate: Occupant(
                version=row.memory.version,
                updated_at=row.memory.updated_at,
                memory=row.memory if row.live else None,
            )
            for row in self._store.rows(namespace)
            if row.memory.coordinate in wanted
        }

    async def keep_samples(
        self, namespace: str, samples: Sequence[CarriedSample], *, generation: int | None = None
    ) -> Sequence[Sample]:
        await anyio.lowlevel.checkpoint()
        return self._store.bring(namespace, samples, generation)


def _archived(
    event: Event, latest: Mapping[UUID, int], row: Row | None, model_revision: str | None
) -> Archived:
    has_vector = (
        row is not None
        and row.memory.version == event.version
        and model_revision is not None
        and row.revision == model_revision
    )
    return Archived(
        position=event.position,
        coordinate=event.coordinate,
        version=event.version,
        type=event.type,
        at=event.at,
        memory=event.memory,
        vector=row.vector if row is not None and has_vector else None,
        latest=latest[event.memory_id] == event.position,
    )


def _past(events: Sequence[Archived], brought: Sequence[Archived]) -> list[Archived]:
    told = [event for event in events if event.memory is not None]
    window = sorted([*told, *brought], key=lambda one: one.position)[-RESERVOIR:]
    return [
        _sample(
            one.position,
            one.coordinate,
            one.version,
            one.importance if one.memory is None else one.memory.draft.importance,
        )
        for one in window
        if not one.latest
    ]


def _sample(
    position: int, coordinate: Coordinate, version: int, importance: float | None
) -> Archived:
    return Archived(
        position=position,
        coordinate=coordinate,
        version=version,
        type=None,
        importance=importance,
    )
