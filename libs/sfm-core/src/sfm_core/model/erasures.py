"""What an erasure leaves: its receipt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreErased:
    """One store's part of an erasure."""

    store: str
    removed: int
    left: int | None
    """What a look afterwards still found: 0. None: no answer; what is there goes in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What the record store removed, and how the namespace goes on."""

    generation: int
    position: int
    event_id: UUID
    at: datetime
    stores: tuple[StoreErased, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReceipt:
    """What became of a namespace, store by store."""

    namespace: str
    generation: int
    """Of what is written to the name from now on."""
    position: int
    """Of the `erased` event, the first of the new generation."""
    event_id: UUID
    at: datetime
    stores: tuple[StoreErased, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing was found afterwards, anywhere."""
        return all(store.left == 0 for store in self.stores)


def counted(stores: Mapping[str, tuple[int, int]]) -> tuple[StoreErased, ...]:
    """From (removed, left) by name."""
    return tuple(StoreErased(store=s, removed=r, left=n) for s, (r, n) in stores.items())
