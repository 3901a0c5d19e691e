"""What processes share beside the truth; all of it may vanish at any moment."""

from collections.abc import Collection, Mapping
from typing import Protocol
from uuid import UUID

from sfm_core.model import Memory, Quota, Verdict


class RateLimiter(Protocol):
    """Counts calls by subject."""

    @property
    def quota(self) -> Quota: ...

    async def take(self, subject: str) -> Verdict:
        """Whether one more call is allowed now; it is counted when it is.

        A refused call changes nothing: who keeps calling too often gets the steady rate, not
        silence. At any moment at most `quota.limit` calls are allowed, in `t` seconds at most
        `quota.limit` and `t / quota.window_s` times as many again.

        Raises:
            Unavailable: the count cannot be reached (only where it is kept elsewhere).
        """
        ...


class Rows(Protocol):
    """Where the rows of hits come from: `RecordStore`, or something in front of it."""

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        """As `RecordStore.fetch`, and as new."""
        ...


class Cache(Protocol):
    """Memories by id, beside the truth, for a bounded time.

    It never decides what is shown: who reads compares `mark_of` with the truth. Of a memory it
    holds the newest version it was told of, whatever the order of telling. Memories of one log
    are out of reach of those who have turned to another, even of the same namespace and id.
    """

    @property
    def log(self) -> str:
        """The log that all calls are about; empty until `turn_to` was called."""
        ...

    def turn_to(self, log: str) -> None:
        """Speak of this log from now on."""
        ...

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        """What is held of these; nothing when the cache does not answer in time."""
        ...

    async def keep(self, namespace: str, memories: Collection[Memory]) -> None:
        """Hold these, but none that is older than what is known of it; or do nothing."""
        ...

    async def forget(self, namespace: str, positions: Mapping[UUID, int]) -> None:
        """Let go of what these ids have up to these log positions; or do nothing.

        That they were let go is remembered for as long as a `keep` may be on its way.
        """
        ...

    async def drop(self, namespace: str, *, position: int) -> int:
        """Let go of a namespace up to this log position; how many memories were held of it.

        Those of other logs go too: they may be what this one was before it was restored.

        A `keep` of anything up to `position` does nothing for as long as one may be on its way.

        Raises:
            Unavailable: the cache does not answer; what it holds goes by itself in time.
        """
        ...
