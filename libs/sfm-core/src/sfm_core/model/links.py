"""Links: typed, weighted, directed edges between two memories."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model.views import LinkRow
from sfm_core.model.writes import WriteOutcome

DEFAULT_LINK_TYPE: Final = "related"
DEFAULT_LINK_WEIGHT: Final = 1.0


class Direction(StrEnum):
    """Which links of a memory are meant: those it is the origin of, the target of, or all."""

    OUT = "out"
    IN = "in"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """What names a link inside its namespace."""

    origin: Coordinate
    target: Coordinate
    type: str = DEFAULT_LINK_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLink:
    key: LinkKey
    weight: float = DEFAULT_LINK_WEIGHT
    """Finite and above 0; more is nearer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    key: LinkKey


type LinkChange = PutLink | Unlink


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as it is, or, told of by an `unlinked` event, as it was."""

    key: LinkKey
    id: UUID
    weight: float
    version: int
    """+1 for each change, also across its end."""
    position: int
    """Log position of the event that made this version."""
    created_at: datetime
    """Time of the first version since it last came into being (UTC)."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksApplied:
    outcomes: tuple[WriteOutcome, ...]
    """In the order of the changes; a `Written` is of the link: its coordinate is the origin."""
    rows: tuple[LinkRow, ...] = ()
    """The links that were asked about, as they are now: for the views."""
    replayed: bool = False
    """True: nothing was written now; the outcomes are those of the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The answer to a link."""

    link: Link
    created: bool
    changed: bool
    """False: it was there just so."""
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinked:
    """The answer to an unlink."""

    position: int
    """Of the event that ended the link; 0 when it never was."""
    changed: bool
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborQuery:
    """The links of one memory, the strongest first."""

    type: str | None = None
    direction: Direction = Direction.BOTH
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """One link, seen from one of its ends."""

    coordinate: Coordinate
    """Of the other end."""
    id: UUID
    """Of the memory at the other end."""
    direction: Direction
    """`out`: the link leads there; `in`: it comes from there."""
    type: str
    weight: float
    version: int
    position: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborPage:
    neighbors: tuple[Neighbor, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathQuery:
    origin: Coordinate
    target: Coordinate
    type: str | None = None
    """Only along links of this type."""
    min_position: int = 0
    """Wait until the graph has seen the event at this position; 0: do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The strongest way along links from one memory to another."""

    coordinates: tuple[Coordinate, ...]
    """Both ends included; empty: there is no way."""
    weight: float | None = None
    """1 / sum(1 / weight of each link); None without a link."""
