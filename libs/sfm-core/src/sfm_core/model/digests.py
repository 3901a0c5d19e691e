"""A few bytes that stand for a whole set."""

from dataclasses import dataclass
from enum import StrEnum

_MODULUS = 2**64


@dataclass(frozen=True, slots=True)
class Digest:
    """Of a set: equal for equal members in any order. Finds faults; no proof against malice."""

    count: int
    total: int
    """The sum, modulo 2**64, of 64 bits of each member's SHA-256."""

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
class Rebuilt:
    """What became of a projection that was built anew."""

    projection: str
    before: Digest | None
    """None: there was nothing of it in this process."""
    after: Digest
    truth: Digest
    """Of the record store, right after."""
    position: int
    """Of the log; what was written since is in none of them."""

    @property
    def is_sound(self) -> bool:
        return self.after == self.truth
