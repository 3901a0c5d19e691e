"""Events for tests: of foreign producers, and as the relay would publish those of the log."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from uuid import uuid4

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.coordinates import NOWHERE, Coordinate
from sfm_core.model import Event, EventType, Kind
from sfm_events.event import EventLink, MemoryEvent
from sfm_events.ports import Delivered, Partition, Record

TOPIC: Final = "memory.events"
_OFFSETS = count()


def foreign(what: EventType = EventType.CREATED, /, **said: Any) -> MemoryEvent:
    """An event as somebody else's producer says it; what is not said is made up or left out."""
    given: dict[str, Any] = {
        "event_id": uuid4(),
        "id": uuid4(),
        "namespace": "default",
        "type": what,
        "at": datetime.now(UTC),
        "payload": {},
    }
    return MemoryEvent(**given | said)


def a_link(origin: Coordinate, target: Coordinate, weight: float | None = None) -> EventLink:
    return EventLink(origin=origin, target=target, type="related", weight=weight)


def delivered(event: MemoryEvent, *, at: datetime | None = None) -> Delivered:
    """The event as a consumer gets it; `at`: when the transport took it (as the event says)."""
    record = Record(
        partition=Partition(TOPIC, 0),
        offset=next(_OFFSETS),
        key=str(event.id).encode(),
        value=b"",
        headers=(),
        at=at or event.at,
    )
    return Delivered(record=record, event=event)


def published(store: InMemoryStore, namespace: str, *, after: int = 0) -> list[MemoryEvent]:
    """What a relay would publish of a namespace's log behind a position."""
    generation = store.peek(namespace).generation
    log: Sequence[Event] = store.log(namespace)
    return [canonical(event, generation) for event in log if event.position > after]


def canonical(event: Event, generation: int) -> MemoryEvent:
    """An event of the log as it is on the wire."""
    draft = None if event.memory is None else event.memory.draft
    is_memory = event.link is None and event.coordinate != NOWHERE
    return MemoryEvent(
        event_id=event.event_id,
        id=event.memory_id,
        namespace=event.namespace,
        type=event.type,
        at=event.at,
        payload={} if draft is None else draft.payload,
        version=event.version,
        position=event.position,
        generation=generation,
        coordinate=event.coordinate if is_memory else None,
        kind=Kind.EPISODIC if draft is None else draft.kind,
        text=None if draft is None else draft.text,
    )
