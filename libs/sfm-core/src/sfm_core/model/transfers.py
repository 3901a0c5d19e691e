"""What an export carries and an import takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sfm_core.coordinates import Coordinate
from sfm_core.model.links import LinkKey
from sfm_core.model.memories import Memory, MemoryDraft
from sfm_core.model.values import F32
from sfm_core.model.writes import EventType


class ImportMode(StrEnum):
    """Who wins where something is stored already."""

    MERGE = "merge"
    """What is newer."""
    REPLACE = "replace"
    """What the file says, at the coordinates it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A place in the log of one namespace up to which everything is known to be there."""

    position: int
    generation: int
    """Which life of the namespace it is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """One event of the log about a memory, or an importance that stands for one."""

    position: int
    coordinate: Coordinate
    version: int
    type: EventType | None
    """None: only the importance is known of it."""
    at: datetime | None = None
    memory: Memory | None = None
    """The memory right after it; None after its end."""
    importance: float | None = None
    """What a row without a type told the normaliser."""
    vector: F32 | None = None
    """Of just this version, when it is stored still."""
    latest: bool = False
    """No later event of this memory lies before the cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """What is stored under a coordinate, tombstones too."""

    version: int
    updated_at: datetime
    memory: Memory | None
    """None: a tombstone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportQuery:
    """What an export is to hold beside the memories that live."""

    history: bool = False
    vectors: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportHeader:
    """The first line of an export."""

    model_revision: str
    """Of the vectors in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportEnd:
    """The last line of an export."""

    lines: int
    """Before this one, the header too."""
    digest: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedVersion:
    """A memory, one version of it, or its end."""

    coordinate: Coordinate
    draft: MemoryDraft | None
    """None: it ended."""
    version: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    """None: not said, then it counts as said now."""
    event: EventType | None = None
    """Of a version in a history."""
    latest: bool = True
    """No later version of this memory is in the file."""
    vector: F32 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedSample:
    """An importance that a version told the normaliser which is carried no more itself."""

    coordinate: Coordinate
    version: int
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedLink:
    """A link between two memories."""

    key: LinkKey
    weight: float
    updated_at: datetime | None = None
    """None: not said, then it counts as said now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOccupant:
    """What is stored of a link."""

    weight: float | None
    """None: it ended."""
    updated_at: datetime


type TransferLine = ExportHeader | ExportEnd | CarriedVersion | CarriedSample | CarriedLink
