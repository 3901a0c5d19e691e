"""What ought to be in the projections, as the record store has it, without the rows."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from sfm_core.model import LedgerRow, LedgerSum


class Ledger(Protocol):
    """Ids, positions and digests of what is stored. Any call may raise `Unavailable`."""

    async def spaces(self) -> Sequence[str]:
        """Every namespace that was ever written to, sorted: emptied and erased ones too."""
        ...

    async def changed(self, token: int) -> Collection[str]:
        """The namespaces of which memories, tombstones or vectors were written since the token
        of `ChangeFeed` was taken, or that were erased since; it may name others too.
        """
        ...

    async def sums(self, namespace: str, *, model_revision: str) -> LedgerSum:
        """Digests of a namespace's live memories, and how many lack their vector.

        All from one snapshot.
        """
        ...

    async def rows(
        self, namespace: str, *, model_revision: str, after: UUID | None, limit: int
    ) -> Sequence[LedgerRow]:
        """Memories and tombstones behind an id, in the order of ids, at most `limit`."""
        ...
