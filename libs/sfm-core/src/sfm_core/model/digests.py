"""A few bytes that stand for a whole set."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sfm_core.coordinates import Coordinate

_MODULUS = 2**64


@dataclass(frozen=True, slots=True)
class Digest:
    """Of a set: equal for equal members in any order. Finds faults; no proof against malice."""

    count: int
    total: int
    """The sum, modulo 2**64, of 64 bits of each member's SHA-256."""

    def __add__(self, other: "Digest") -> "Digest":
        """Of both sets together, which have no member in common."""
        return Digest(self.count + other.count, (self.total + other.total) % _MODULUS)

    @property
    def text(self) -> str:
        return f"{self.count}:{self.total % _MODULUS:016x}"


class Projected(StrEnum):
    """What can be built anew."""

    VECTORS = "vectors"
    SLAB = "slab"
    LEXICAL = "lexical"
    GRAPH = "graph"
    CACHE = "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVector:
    """What of a live memory is embedded, and the vector that stands beside it."""

    coordinate: Coordinate
    id: UUID
    version: int
    text: str
    source: str | None
    occurred_at: datetime | None
    vector: bytes | None
    """As it is stored, damaged or not; None: there is none of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What became of a projection that was built anew."""

    projection: str
    before: Digest | None
    """None: there was nothing of it in this process."""
    after: Digest
    truth: Digest
    """Of the record store, right after; of `vectors`: what the texts embed to."""
    position: int
    """Of the log; what was written since is in none of them."""
    next: Coordinate | None = None
    """Only a portion was done, and the digests are of it: go on behind this one."""
    points: "PointsRebuilt | None" = None
    """Of `vectors`, where there is a vector index, at the end of the last portion."""

    @property
    def is_sound(self) -> bool:
        return self.after == self.truth and (self.points is None or self.points.is_sound)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsRebuilt:
    """Digests of a namespace's live points in the vector index (`VectorStore.digest`)."""

    before: Digest
    after: Digest
    truth: Digest
    """Of the record store, right after."""

    @property
    def is_sound(self) -> bool:
        return self.after == self.truth
