"""What a recall view needs of memories, and how it learns of changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model.memories import DEFAULT_IMPORTANCE, Kind
from sfm_core.model.values import F32


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRow:
    """What a recall view needs of one memory; `deleted` rows carry only identity and version."""

    namespace: str
    id: UUID
    coordinate: Coordinate
    version: int
    position: int
    deleted: bool = False
    kind: Kind = Kind.EPISODIC
    payload: str = "{}"
    """The payload as JSON text."""
    text: str = ""
    source: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    importance: float = DEFAULT_IMPORTANCE
    occurred_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    pinned: bool = False
    vector: F32 | None = None
    """None: not embedded yet under the asked model revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """What a view needs of one link; `deleted`: it is no more."""

    namespace: str
    origin: UUID
    target: UUID
    type: str
    weight: float
    version: int
    position: int
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One importance that entered the log."""

    position: int
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed in some namespaces since a token; rows may repeat what is known already."""

    rows: tuple[ViewRow, ...]
    samples: Mapping[str, Sequence[Sample]]
    """Importances of events, by namespace, for the adaptive normaliser; may repeat."""
    positions: Mapping[str, int]
    """Highest position per namespace that this snapshot saw."""
    generations: Mapping[str, int] = field(default_factory=dict)
    """Which life of each namespace this snapshot saw."""
    token: int
    """Give this to the next call."""
    head: int
    """Highest position that the whole log, all namespaces, had given out by then."""
    links: tuple[LinkRow, ...] = ()
    """Links changed likewise, those that are no more too; may repeat."""
