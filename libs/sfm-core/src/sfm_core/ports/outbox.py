"""Events that were committed and not published yet."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sfm_core.model import Event

LEASE_S: Final = 20.0
"""How long a claim holds unless it is said."""


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
        self,
        publish: Callable[[Sequence[Unsent]], Awaitable[None]],
        *,
        limit: int,
        lease_s: float = LEASE_S,
    ) -> int:
        """Claim unsent events, publish them, mark them as sent; how many, 0 when none is free.

        At most `limit`, and no more than the one that passes 4 MiB. Claimed by state, lowest
        position first. Nothing is locked while they are published: writes and erasures go on,
        and what was erased meanwhile is not marked. What `publish` raises leaves them unsent,
        and free at once.

        While one is claimed, all events of its memory are held against other relays, so that they
        go out in order. A claim whose relay is gone is free again after `lease_s`; the events of
        one that takes longer may be published twice, the later ones of a memory in between. A
        crash between publishing and marking repeats them as well.

        Raises:
            Unavailable: the record store does not answer; and what `publish` raises.
        """
        ...

    async def backlog(self) -> tuple[int, datetime | None]:
        """How many are unsent (an estimate above 10 000 will do), and since when the oldest."""
        ...
