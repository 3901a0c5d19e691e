"""The facade's calls about what happened."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sfm_core import decode
from sfm_core.facade.opened import Opened
from sfm_core.model import ErasureReceipt, Event, EventPage, Rebuilt


class Logs(Opened):
    """The log, in pages and as it grows; its end."""

    async def events(self, *, after: int = 0, limit: int = 100) -> EventPage:
        """The events behind a position, at most 1000; go on from the page's `position`.

        Raises:
            InvalidInput: `after` or `limit` is out of bounds.
        """
        query = decode.event_query({"after": str(after), "limit": str(limit)})
        following = self.runtime.following
        return await following.page(self.namespace, after=query.after, limit=query.limit)

    async def rebuild(self, projection: str) -> Rebuilt:
        """Build `vectors`, `slab`, `lexical`, `graph` or `cache` anew from the record store.

        Raises:
            InvalidInput: another projection.
            Unavailable: the store or the embedder does not answer.
        """
        asked = decode.rebuild({"projection": projection})
        return await self.runtime.rebuild.rebuild(self.namespace, asked.projection)

    async def erase(self) -> ErasureReceipt:
        """Remove all that is known of the namespace, for good: there is no way back.

        Raises:
            Unavailable: the store does not answer; whether it was erased is unknown.
        """
        return await self.runtime.erase.erase(self.namespace)

    async def follow(self, *, after: int = 0) -> AsyncGenerator[Event]:
        """Every event behind a position, as it comes, without end; none twice, none left out.

        Raises:
            Unavailable: the store does not answer; go on later from the last event's position.
        """
        query = decode.event_query({"after": str(after)})
        following = self.runtime.following
        async with aclosing(following.follow(self.namespace, after=query.after)) as pages:
            async for page in pages:
                for event in page.events:
                    yield event
