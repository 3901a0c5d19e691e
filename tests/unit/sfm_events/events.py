"""Events for tests, and how to compare them."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate, event_id, memory_id
from sfm_core.model import EventType, Json, Kind
from sfm_events.event import EventLink, MemoryEvent
from sfm_events.writing import document_of

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
SOMEBODY = UUID("11111111-2222-5333-8444-555555555555")
LINKS = frozenset({EventType.LINKED, EventType.UNLINKED})
EMPTY = LINKS | {EventType.DELETED, EventType.EXPIRED}


def an_event(place: str = "1", *, version: int = 1, **said: Any) -> MemoryEvent:
    """A canonical one of a memory."""
    memory = memory_id("default", Coordinate(place))
    kind = said.pop("type", EventType.CREATED)
    given: dict[str, Any] = {
        "event_id": event_id(memory, version, kind),
        "id": memory,
        "namespace": "default",
        "type": kind,
        "at": AT + timedelta(seconds=version),
        "payload": {} if kind in EMPTY else {"said": f"{place} at {version}"},
        "version": version,
        "position": version,
        "generation": 1,
        "coordinate": Coordinate(place),
    }
    return MemoryEvent(**given | said)


def a_foreign_event(number: int = 0, **said: Any) -> MemoryEvent:
    """What somebody else's producer says at the least."""
    given: dict[str, Any] = {
        "event_id": uuid5(SOMEBODY, f"event {number}"),
        "id": uuid5(SOMEBODY, f"memory {number}"),
        "namespace": "default",
        "type": EventType.CREATED,
        "at": AT,
        "payload": {"said": str(number)},
    }
    return MemoryEvent(**given | said)


def same(one: MemoryEvent, other: MemoryEvent) -> bool:
    """Equal member by member; `MemoryEvent` itself compares by identity, as it holds an array."""
    for name in MemoryEvent.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if name == "embedding":
            if (left is None) != (right is None):
                return False
            if left is not None and not np.array_equal(left, right):
                return False
        elif left != right:
            return False
    return document_of(one) == document_of(other)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INSTANTS = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 - `timezones` brings it
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
)
COORDINATES = st.lists(NUMBERS | st.integers(-(2**60), 2**60), min_size=1, max_size=16).map(
    Coordinate.of
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NAMESPACES = st.text(string.ascii_lowercase + string.digits + "_.-", max_size=30).map(
    lambda rest: "n" + rest
)
VECTORS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1).map(
    lambda values: np.array(values, dtype=np.float32)
)


@st.composite
def links(draw: st.DrawFn) -> EventLink:
    origin, target = draw(COORDINATES), draw(COORDINATES)
    if origin == target:
        target = Coordinate.of([*origin.axes[:15], 0.5, 1][:16])
    if origin == target:
        target = Coordinate("0.25")
    weights = st.none() | st.floats(0, exclude_min=True, allow_infinity=False, allow_nan=False)
    return EventLink(origin=origin, target=target, type=draw(TEXTS), weight=draw(weights))


@st.composite
def any_events(draw: st.DrawFn) -> MemoryEvent:
    """Any event there can be, canonical or foreign."""
    kind = draw(st.sampled_from(EventType))
    canonical = draw(st.booleans())
    counts = st.integers(1, 2**53)
    abridged = canonical and draw(st.booleans())
    payloads = st.dictionaries(TEXTS, VALUES, max_size=4)
    return MemoryEvent(
        event_id=draw(st.uuids()),
        id=draw(st.uuids()),
        namespace=draw(NAMESPACES),
        type=kind,
        at=draw(INSTANTS),
        payload={} if abridged or kind in EMPTY else draw(payloads),
        version=draw(counts) if canonical else draw(st.none() | counts),
        position=draw(counts) if canonical else None,
        generation=draw(counts) if canonical else None,
        coordinate=draw(st.none() | COORDINATES),
        kind=draw(st.sampled_from(Kind)),
        text=None if abridged else draw(st.none() | st.just("") | TEXTS),
        importance=draw(st.none() | NUMBERS),
        tags=tuple(dict.fromkeys(draw(st.lists(TEXTS, max_size=4)))),
        session=draw(st.none() | TEXTS),
        source=draw(st.none() | TEXTS),
        occurred_at=draw(st.none() | INSTANTS),
        expires_at=draw(st.none() | INSTANTS),
        pinned=draw(st.booleans()),
        link=draw(links()) if kind in LINKS else None,
        embedding=draw(st.none() | VECTORS),
        model_revision=draw(st.none() | TEXTS),
        abridged=abridged,
    )
