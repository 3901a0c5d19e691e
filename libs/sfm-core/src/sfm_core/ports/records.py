"""The truth."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.model import (
    Applied,
    ListQuery,
    Marks,
    Memory,
    Page,
    Receipt,
    StoreStats,
    ViewRow,
    Write,
)


class RecordStore(Protocol):
    """The truth: memories, vectors, log and receipts."""

    async def apply(
        self,
        namespace: str,
        writes: Sequence[Write],
        *,
        receipt: Receipt | None = None,
        all_or_none: bool = False,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> Applied:
        """Make the writes in one transaction; durable when this returns.

        The memory, its vector, its event and the receipt are all there or none is. Each write
        takes effect or fails by itself (`PreconditionFailed`; `NotFound` for a delete of what
        was never stored), checked under the row lock. A memory's version goes up by one with
        each change, also across deletion; no version is given twice. Writes to the same
        coordinate happen in order. An upsert whose coordinate holds a live memory is `updated`,
        else `created`; to an upsert, a memory that has expired by `now` (None: none has) is not
        live. A `stamp` says otherwise what the event is called, when it was and which version it
        makes. A delete leaves a tombstone; deleting a tombstone changes nothing
        (`changed=False`, outcome of the first time). A `Keep` changes nothing either: its outcome
        is that of the event that made the live memory (`NotFound` when none lives there).
        Positions of upserts within one call follow the order of the writes; those to a
        coordinate that came before in the call come last.

        With a receipt whose key is known in this namespace: nothing is written, and the first
        outcomes are given back with `replayed=True`. Two calls at once with the same key: one
        writes, the other waits for it and replays. Receipts of calls that failed as a whole
        (raised, or every write failed) are not kept; that of a call without writes is.

        With `all_or_none`, one write that fails undoes the others and the receipt; the outcomes
        are those that would have been.

        With a `generation`, nothing is written unless it is the namespace's: what was begun
        before an erasure is not written after it. Checked under the namespace's lock.

        Raises:
            Conflict: the namespace is of another generation.
            KeyReused: the key is known with another fingerprint.
            InvalidInput: a value no store can hold (U+0000, a number that is not finite);
                nothing was written.
            Unavailable: the store does not answer; whether it was written is unknown.
        """
        ...

    async def get(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Memory]:
        """The live memories at these coordinates; an absent one has no entry.

        A memory past `expires_at` is still given: hiding it is the use-case's part.
        """
        ...

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        """The live memories with these ids; an absent one has no entry."""
        ...

    async def marks(self, namespace: str, ids: Collection[UUID]) -> Marks:
        """What tells the live memories with these ids from others: `fetch` without the rows.

        All from one snapshot, the name of the log too, which is said for no ids as well.
        """
        ...

    async def view_rows(
        self, namespace: str, ids: Collection[UUID], *, model_revision: str
    ) -> Sequence[ViewRow]:
        """The memories and tombstones with these ids, as `ChangeFeed.changes` gives them."""
        ...

    async def last_version(self, namespace: str, coordinate: Coordinate) -> int:
        """The version of the memory or tombstone there; 0 when never stored."""
        ...

    async def by_content(
        self,
        namespace: str,
        content_keys: Collection[int],
        *,
        without: Collection[Coordinate] = (),
    ) -> Mapping[int, Memory]:
        """The live memories that were stored with these content keys, the oldest if several.

        Those at the coordinates `without` are passed over.
        """
        ...

    async def list(self, namespace: str, query: ListQuery, *, now: datetime) -> Page:
        """Live, unexpired memories in (created_at, id) order, from the cursor on.

        A page ends before its limit with the memory that passes 4 MiB of payloads and texts.

        Stable under writes: a memory that stays live and is not stored anew in between is
        given exactly once over the pages.

        Raises:
            InvalidInput: the cursor is not one of this store's.
        """
        ...

    async def generation(self, namespace: str) -> int:
        """Which life of the namespace this is: 1, and one more with each erasure."""
        ...

    async def stats(self, namespace: str) -> StoreStats:
        """Counts; all zero for a namespace nobody wrote to."""
        ...

    async def namespaces(self) -> Sequence[str]:
        """Every namespace with something in it, sorted."""
        ...

    async def ping(self) -> None:
        """Answers when the store does.

        Raises:
            Unavailable: it does not.
        """
        ...
