"""Reading the log in pages, and following it."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Final, final

import anyio

from sfm_core.model import EventPage
from sfm_core.ports import EventLog

PAGE: Final = 100
"""Events of a page, unless it is said."""
POLL_S: Final = 0.5
"""How often a follower looks for what other processes wrote."""


@final
class Watch:
    """One follower's ear; `heard` is what it waits for."""

    def __init__(self) -> None:
        self.heard = anyio.Event()

    def reset(self) -> None:
        """From now on; what was heard before is looked at next."""
        self.heard = anyio.Event()

    async def wait(self, seconds: float) -> None:
        """Until something was written since the last `reset`, or so many seconds."""
        with anyio.move_on_after(seconds):
            await self.heard.wait()


@final
class Wakes:
    """Tells followers in this process at once of what it writes itself."""

    def __init__(self) -> None:
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._of_all: set[Watch] = set()

    def wake(self, namespace: str) -> None:
        """Something was committed there."""
        for watch in self._watches.get(namespace, ()):
            watch.heard.set()
        for watch in self._of_all:
            watch.heard.set()

    @contextmanager
    def watching_all(self) -> Iterator[Watch]:
        """Of every namespace."""
        watch = Watch()
        self._of_all.add(watch)
        try:
            yield watch
        finally:
            self._of_all.discard(watch)

    @contextmanager
    def watching(self, namespace: str) -> Iterator[Watch]:
        watch = Watch()
        self._watches[namespace].add(watch)
        try:
            yield watch
        finally:
            self._watches[namespace].discard(watch)
            if not self._watches[namespace]:
                del self._watches[namespace]


@final
class Following:
    """The log of a namespace, page by page or as it grows."""

    def __init__(self, *, events: EventLog, wakes: Wakes, poll_s: float = POLL_S) -> None:
        self._events = events
        self._wakes = wakes
        self._poll_s = poll_s

    async def page(self, namespace: str, *, after: int = 0, limit: int = PAGE) -> EventPage:
        """The events behind a position; see `EventLog.page` for what is promised.

        Raises:
            Unavailable: the store does not answer.
        """
        return await self._events.page(namespace, after=after, limit=limit)

    async def follow(
        self, namespace: str, *, after: int = 0, limit: int = PAGE, idle_s: float = 10.0
    ) -> AsyncGenerator[EventPage]:
        """Pages as the log grows, without end; an empty one when nothing came for `idle_s`.

        What this process writes is told at once, what others write within half a second. Read it
        inside `aclosing`.

        Raises:
            Unavailable: the store does not answer; go on later from the last page's position.
        """
        with self._wakes.watching(namespace) as watch:
            quiet_since = anyio.current_time()
            while True:
                watch.reset()
                page = await self.page(namespace, after=after, limit=limit)
                after = page.position
                is_idle = anyio.current_time() - quiet_since >= idle_s
                if page.events or is_idle:
                    yield page
                    quiet_since = anyio.current_time()
                if not page.more:
                    await watch.wait(self._poll_s)
