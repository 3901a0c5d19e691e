"""The log of what happened."""

from typing import Protocol

from sfm_core.coordinates import Coordinate
from sfm_core.model import Event, EventPage, History


class EventLog(Protocol):
    """What became of memories, version by version, also of those that are gone.

    An event's `memory` is the state right after it, exactly as it was stored, whether or not it
    has expired since; None when the event was its end. What a transaction has committed is seen
    by every later call.
    """

    async def history(
        self, namespace: str, coordinate: Coordinate, *, limit: int, before: int | None = None
    ) -> History:
        """The events of the memory there, the highest version first, at most `limit`.

        A page ends before that with the event that passes 4 MiB of bodies. `before`: only
        versions below it. Versions are not always consecutive. Empty when nothing was ever
        stored there.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    async def at_version(
        self, namespace: str, coordinate: Coordinate, version: int
    ) -> Event | None:
        """The event that made this version of the memory there; None when there was none.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    async def page(self, namespace: str, *, after: int, limit: int) -> EventPage:
        """The events behind position `after`, lowest first, at most `limit`.

        A page ends before that, with `more`, behind the event that passes 4 MiB of bodies.

        Asked again and again from the `position` of the page before, the pages give every event
        that is ever committed once, in the order of positions: none goes only so far that no
        transaction still under way can bring a lower position. An event is in a page at the
        latest once every write to this namespace that was under way at its commit has ended.

        Raises:
            Unavailable: the store does not answer.
        """
        ...
