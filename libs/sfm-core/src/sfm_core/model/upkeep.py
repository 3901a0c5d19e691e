"""What time does to memories: what is weighed, and what then happens."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sfm_core.coordinates import Coordinate


class EffectKind(StrEnum):
    """What upkeep does to a memory; each can be undone with a restore."""

    EXPIRED = "expired"
    """It is past `expires_at`: a tombstone takes its place."""
    PRUNED = "pruned"
    """The namespace holds more than it may: deleted."""
    DECAYED = "decayed"
    """Keys of its payload are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What happens, or would, to one memory."""

    coordinate: Coordinate
    version: int
    """The version that it happens to: restore it to undo."""
    kind: EffectKind
    removed: tuple[str, ...] = ()
    """The payload's keys that go, sorted; only when it decays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepReport:
    """What one run did, or a dry run would have done."""

    dry_run: bool
    effects: tuple[Effect, ...]
    complete: bool
    """False: there is more than one run does; run again."""
    over_limit: int = 0
    """Memories above the greatest number that stay, since only pinned ones are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A live memory that has expired."""

    coordinate: Coordinate
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aging:
    """What decides whether a live memory decays."""

    coordinate: Coordinate
    version: int
    importance: float
    since: datetime
    """Its age counts from then: the later of when it happened and when somebody last said it
    (stored, changed, restored: whatever made a version but decay)."""
    keys: frozenset[str]
    """Those of its payload's keys that were asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether a live memory is among those that go first."""

    coordinate: Coordinate
    version: int
    importance: float
    last_at: datetime
    """When it was last recalled, read or said, as far as is known."""
    since: datetime
    """As `Aging.since`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How often a memory was recalled or read since the last note of it."""

    id: UUID
    hits: int
    last_at: datetime
