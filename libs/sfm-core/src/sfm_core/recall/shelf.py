"""When views are put aside: after loading, when much has changed, at eviction, at the end."""

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Final, final

import anyio
import anyio.abc

from sfm_core.recall.entry import Entry
from sfm_core.recall.keeping import Keeper, Kept

MUCH: Final = 0.1
"""Share of the rows that must have changed before a view is put aside again."""
SOME: Final = 0.01
"""The same at the end of the process: so much more is caught up with at the next start."""
PAUSE_S: Final = 30.0
"""Between two savings of one view, at least."""
END_S: Final = 4.0
"""For all that is put aside at the end."""


@final
class Shelf:
    """Puts views aside in the background, one at a time; without a keeper it does nothing."""

    def __init__(self, tasks: anyio.abc.TaskGroup, keeper: Keeper | None) -> None:
        self._tasks = tasks
        self._keeper = keeper
        self._turn = anyio.Lock()

    async def take_back(self, namespace: str) -> Kept | None:
        """As `Keeper.take_back`."""
        return None if self._keeper is None else await self._keeper.take_back(namespace)

    def offer(self, namespace: str, entry: Entry) -> None:
        """Put the view aside soon, if enough of it is new and the last time is long ago."""
        keeper = self._keeper
        rested = perf_counter() - entry.shelved_at > PAUSE_S
        changed = entry.unsaved > MUCH * entry.view.live
        if keeper is not None and rested and changed and not entry.is_being_shelved:
            entry.is_being_shelved = True
            self._tasks.start_soon(self._put, keeper, namespace, entry)

    async def keep_only(self, namespaces: Sequence[str]) -> None:
        """As `ViewFiles.keep_only`."""
        if self._keeper is not None:
            await self._keeper.files.keep_only(namespaces)

    async def drop(self, namespace: str, entry: Entry | None) -> None:
        """Remove what was put aside; a saving that is under way removes its own."""
        if entry is not None:
            entry.is_dropped = True
        if self._keeper is not None:
            await self._keeper.files.drop(namespace)

    async def close(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Put aside what has changed, the largest first, as far as the time goes."""
        if self._keeper is None:
            return
        changed = [(name, e) for name, e in entries if e.unsaved > SOME * e.view.live]
        due = anyio.current_time() + END_S
        with anyio.CancelScope(shield=True):
            for namespace, entry in sorted(changed, key=lambda one: -one[1].nbytes):
                if anyio.current_time() < due:
                    await self._put(self._keeper, namespace, entry)

    async def _put(self, keeper: Keeper, namespace: str, entry: Entry) -> None:
        try:
            async with self._turn:
                async with entry.lock:
                    snapshot, token, news = entry.view.snapshot(), entry.token, entry.unsaved
                if await keeper.put_aside(namespace, snapshot, token):
                    entry.unsaved -= news
                if entry.is_dropped:
                    await keeper.files.drop(namespace)
        finally:
            entry.shelved_at = perf_counter()
            entry.is_being_shelved = False
