"""What may become of a memory after it was stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sfm_core.coordinates import Coordinate
from sfm_core.filters import Filter
from sfm_core.model.events import Event
from sfm_core.model.values import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPatch:
    """What is to change; None: nothing of it. Judged by `sfm_core.decode`."""

    importance: float | None = None
    pinned: bool | None = None
    tags: tuple[str, ...] | None = None
    """In place of those it has."""
    expires_at: datetime | None = None
    never_expires: bool = False
    """Takes the time of expiry away."""
    payload: JsonObject | None = None
    """A merge patch (RFC 7396) for the payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    limit: int = 20
    before: int | None = None
    """Only versions below this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Versions of one memory, the newest first."""

    events: Sequence[Event]
    next_before: int | None = None
    """What the next page's versions lie below; None: this is the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which memories are meant: those at `coordinates`, else those that `filter` admits."""

    coordinates: tuple[Coordinate, ...] | None = None
    filter: Filter | None = None
    """None: every memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedMany:
    deleted: int
    """Memories that there were and that there are no more."""
    position: int = 0
    """The highest position written, 0 when nothing was."""
    replayed: bool = False
    pending: int = 0
    """How many of them the vector index still has."""

    @property
    def indexed(self) -> bool:
        return not self.pending
