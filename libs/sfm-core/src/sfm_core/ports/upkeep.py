"""What upkeep asks of the store."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model import Access, Aging, Due, Standing


class UpkeepRows(Protocol):
    """Live memories as upkeep looks at them, in pages, so that no call holds many.

    Pages go by coordinate text: give the last one's coordinate to get the next; fewer than
    `limit` are the last. Any call may raise `Unavailable`.
    """

    async def expired(self, namespace: str, *, now: datetime, limit: int) -> Sequence[Due]:
        """Live memories with `expires_at <= now`, those that expired first before the others."""
        ...

    async def count(self, namespace: str, *, now: datetime) -> int:
        """How many live memories have not expired by `now`."""
        ...

    async def agings(
        self,
        namespace: str,
        *,
        now: datetime,
        keys: Collection[str],
        since: datetime,
        importance: float,
        after: Coordinate | None,
        limit: int,
    ) -> Sequence[Aging]:
        """Unexpired memories that have one of these payload keys, are not pinned, have at most
        this importance and whose `since` is not later than this.
        """
        ...

    async def standings(
        self, namespace: str, *, now: datetime, after: Coordinate | None, limit: int
    ) -> Sequence[Standing]:
        """Unexpired memories that are not pinned."""
        ...


class AccessStore(Protocol):
    """Counts of recalls and reads: they steer pruning, and are in no log."""

    async def add(
        self, namespace: str, accesses: Sequence[Access], *, generation: int | None = None
    ) -> None:
        """Add to the counts of live memories; what is said of others is dropped.

        `generation`: as `RecordStore.apply`.

        Raises:
            Conflict: the namespace is of another generation; nothing was counted.
            Unavailable: the store does not answer; some may have been counted.
        """
        ...

    async def counted(self, namespace: str, ids: Collection[UUID]) -> dict[UUID, Access]:
        """The counts of these memories; one that was never counted has no entry."""
        ...

    async def sweep(self, namespace: str) -> int:
        """Drop the counts of memories that live no more; how many."""
        ...


class ReceiptStore(Protocol):
    """What idempotency keys left behind, of every namespace."""

    async def old_receipts(self, *, before: datetime) -> int:
        """How many came before then.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    async def sweep_receipts(self, *, before: datetime, limit: int) -> int:
        """Forget the oldest that came before then, at most `limit`; how many.

        Raises:
            Unavailable: the store does not answer.
        """
        ...


class AccessNotes(Protocol):
    """Where recalls and reads say what they gave."""

    def note(self, namespace: str, ids: Iterable[UUID]) -> None:
        """Take down that these were given just now; costs no I/O and never fails."""
        ...


class NoNotes:
    """Takes nothing down."""

    def note(self, namespace: str, ids: Iterable[UUID]) -> None:
        del namespace, ids


class JobLocks(Protocol):
    """Lets one process at a time do a job in a namespace."""

    def held(self, namespace: str, *jobs: str) -> AbstractAsyncContextManager[bool]:
        """True inside the block: nobody else, in any process, does these jobs there meanwhile.

        False: somebody does one of them; nothing is waited for, and none is held. Given back at
        the end of the block, and by the store when the process or its connection dies.

        Raises:
            Unavailable: the store does not answer.
        """
        ...
