"""Links between memories, durable and as a graph."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sfm_core.model import (
    Link,
    LinkChange,
    LinksApplied,
    Neighbor,
    NeighborPage,
    NeighborQuery,
    Receipt,
)


class LinkStore(Protocol):
    """The truth about links, beside the `RecordStore` that holds their ends.

    A link has two live ends: it goes in the transaction that deletes one of them, or that lets
    an expired one begin a new life, with an `unlinked` event of its own (`Applied.unlinked`
    tells of it, of many thousands not of all). Storing over a live memory, or restoring an older
    version of it, leaves its links alone; a memory that comes back after its deletion has none.
    """

    async def apply(
        self,
        namespace: str,
        changes: Sequence[LinkChange],
        *,
        receipt: Receipt | None = None,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> LinksApplied:
        """Make the changes in one transaction, in order; durable when this returns.

        The link, its event and the receipt are all there or none is. Each change takes effect or
        fails by itself: `NotFound` for a link between memories that do not both live (one that
        has expired by `now` does not; None: none has), or an unlink between places of which one
        was never stored. Both ends are held meanwhile, so that no link outlives its end. A
        link's version goes up by one with each change, also across its end. A link that is there
        with just this weight, and an unlink of what is not linked, change nothing
        (`changed=False`; version and position are 0 when the link never was).

        Receipts and `generation`: as `RecordStore.apply`, with the same keys.

        Raises:
            Conflict: the namespace is of another generation; nothing was written.
            KeyReused: the key is known with another fingerprint.
            InvalidInput: a value no store can hold; nothing was written.
            Unavailable: the store does not answer; whether it was written is unknown.
        """
        ...

    async def neighbors(
        self, namespace: str, memory: UUID, query: NeighborQuery, *, now: datetime
    ) -> NeighborPage:
        """The links of one memory, the strongest first; equal ones by the other's id, then type.

        Memories that have expired by `now` are left out. Pages are stable under writes: a link
        that stays as it is in between is given exactly once.

        Raises:
            InvalidInput: the cursor is not one of this store's.
            Unavailable: the store does not answer.
        """
        ...

    async def of(
        self, namespace: str, memories: Collection[UUID], *, limit: int, now: datetime
    ) -> Mapping[UUID, Sequence[Neighbor]]:
        """As `neighbors`, the first `limit` of each; one without links has no entry."""
        ...

    def all(self, namespace: str) -> AsyncIterator[Sequence[Link]]:
        """Every link, in batches, in no promised order; those of expired memories too."""
        ...
