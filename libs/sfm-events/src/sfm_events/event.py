"""One event on the wire: what happened to one memory or link, said by us or by anybody else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, EventType, JsonObject, Kind

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLink:
    """The link of a `linked` or `unlinked` event."""

    origin: Coordinate
    target: Coordinate
    type: str
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryEvent:
    """As `schemas/memory.event.json` says it; what it does not say is None or empty."""

    event_id: UUID
    id: UUID
    """Of the memory or link; of an `erased` event, an id that stands for the namespace."""
    namespace: str
    type: EventType
    at: datetime
    """`timestamp`."""
    payload: JsonObject
    version: int | None = None
    position: int | None = None
    """In the log; None: it is not from there."""
    generation: int | None = None
    """Of the namespace; given exactly by events from the log."""
    coordinate: Coordinate | None = None
    kind: Kind = Kind.EPISODIC
    text: str | None = None
    importance: float | None = None
    tags: tuple[str, ...] = ()
    session: str | None = None
    source: str | None = None
    occurred_at: datetime | None = None
    expires_at: datetime | None = None
    pinned: bool = False
    link: EventLink | None = None
    embedding: F32 | None = None
    """Shape (dim,), as it was given: of any length and norm."""
    model_revision: str | None = None
    abridged: bool = False
    """Whether it is of the log and says neither payload nor text, which the record store has."""

    @property
    def is_canonical(self) -> bool:
        """Whether it comes from the log, and not from a foreign producer."""
        return self.generation is not None
