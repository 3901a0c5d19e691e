"""Events that were committed and not published yet."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sfm_core.model import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """One event on its way out."""

    event: Event
    generation: int
    """Of its namespace, as the claim found it."""
    trace: str | None = None
    """W3C `traceparent` of the request that wrote it."""


class Outbox(Protocol):
    """Rows of the log that no transport has taken yet, of every namespace."""

    async def relay(
        self, publish: Callable[[Sequence[Unsent]], Awaitable[None]], *, limit: int
    ) -> int:
        """Claim at most `limit` unsent events, publish them, mark them as sent; how many.

        Claimed by state, lowest position first, and held against other relays until marked.
        What `publish` raises leaves them unsent. An event whose memory has an earlier unsent one
        that is not in the claim is left for later, so that a memory's events go out in order.
        A crash between publishing and marking repeats them.

        Raises:
            Unavailable: the record store does not answer; and what `publish` raises.
        """
        ...

    async def backlog(self) -> tuple[int, datetime | None]:
        """How many are unsent (an estimate above 10 000 will do), and since when the oldest."""
        ...
