"""Events that another producer wrote, on their way into the log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sfm_core.errors import SfmError
from sfm_core.model.links import LinkChange
from sfm_core.model.writes import Delete, Upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One event of a foreign producer, and the change that it stands for."""

    event_id: UUID
    """The producer's name for it; a repeat has the same."""
    at: datetime
    """When it happened, as the producer says."""
    taken_at: datetime
    """When the transport took it, by its own clock."""
    change: Upsert | Delete | LinkChange
    """A stamp may name its event; without a place of its own it is at the one its id gives."""
    version: int | None = None
    """Of the memory or link after it: of two that have one, the higher stays. None: the next."""
    named: UUID | None = None
    """The id that stands for its memory, where no place was said."""
    copy_of: UUID | None = None
    """An event of our own that it is if the log holds that; `event_id` is what it is else."""


class Accepted(StrEnum):
    """What became of an arrival."""

    APPLIED = "applied"
    KNOWN = "known"
    """It is in the log already."""
    STALE = "stale"
    """Something later stands: a higher version, or the erasure of all there was before."""


type Acceptance = Accepted | SfmError
"""`NotFound`: a link without one of its ends."""
