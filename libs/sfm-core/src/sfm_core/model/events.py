"""The log: what happened, in order."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model.links import Link
from sfm_core.model.memories import Memory
from sfm_core.model.values import JsonObject
from sfm_core.model.writes import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one memory or link, as the log keeps it."""

    namespace: str
    position: int
    event_id: UUID
    memory_id: UUID
    """Of the memory or link; of an `erased` event, an id that stands for the namespace."""
    coordinate: Coordinate
    """Of the link's origin, when it is about one; `NOWHERE` of a namespace that was erased."""
    type: EventType
    version: int
    at: datetime
    memory: Memory | None = None
    """The memory after the event; None after its end, and when the event is about a link."""
    link: Link | None = None
    """The link that was `linked`, or `unlinked` and is no more."""
    removed: JsonObject | None = None
    """Of an `erased` event: how much went, by store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Consecutive events of one namespace's log."""

    events: tuple[Event, ...]
    """By position, each above where the page was asked from."""
    position: int
    """Ask from here for the next page: nothing up to here is still to come."""
    more: bool
    """Whether there are more already."""
