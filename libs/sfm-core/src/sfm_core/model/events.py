"""The log: what happened, in order."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model.memories import Memory
from sfm_core.model.writes import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one memory, as the log keeps it."""

    namespace: str
    position: int
    event_id: UUID
    memory_id: UUID
    coordinate: Coordinate
    type: EventType
    version: int
    at: datetime
    memory: Memory | None = None
    """The memory after the event; None after its end."""
