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
    """Puts views aside in the background, one at a time; without a keeper it does nothing.

    Every view that waits for its turn, or has it, is known by its namespace, though the registry
    of views may have evicted it: so `drop` reaches all of them.
    """

    def __init__(self, tasks: anyio.abc.TaskGroup, keeper: Keeper | None) -> None:
        self._tasks = tasks
        self._keeper = keeper
        self._turn = anyio.Lock()
        self._offered: dict[str, set[Entry]] = {}
        self._saving: dict[str, anyio.Event] = {}

    async def take_back(self, namespace: str, entry: Entry) -> Kept | None:
        """As `Keeper.take_back`; notes the stamp in the entry."""
        if self._keeper is None:
            return None
        entry.stamp = await self._keeper.stamp(namespace)
        return await self._keeper.take_back(namespace, entry.stamp)

    def offer(self, namespace: str, entry: Entry) -> None:
        """Put the view aside soon, if enough of it is new and the last time is long ago."""
        keeper = self._keeper
        rested = perf_counter() - entry.shelved_at > PAUSE_S
        changed = entry.unsaved > MUCH * entry.view.live
        idle = not (entry.is_being_shelved or entry.is_dropped)
        if keeper is not None and rested and changed and idle and not entry.view.is_light:
            entry.is_being_shelved = True
            self._offered.setdefault(namespace, set()).add(entry)
            self._tasks.start_soon(self._put, keeper, namespace, entry)

    async def keep_only(self, namespaces: Sequence[str]) -> None:
        """As `ViewFiles.keep_only`."""
        if self._keeper is not None:
            await self._keeper.files.keep_only(namespaces)

    async def drop(self, namespace: str, entry: Entry | None) -> None:
        """Remove what was put aside, once the saving that is under way is through.

        Those that wait for their turn come to nothing. What cannot be removed is in `held`.
        """
        for one in (*self._offered.get(namespace, ()), *(() if entry is None else (entry,))):
            one.is_dropped = True
        if saving := self._saving.get(namespace):
            await saving.wait()
        if self._keeper is not None:
            await self._keeper.files.drop(namespace)

    async def held(self, namespace: str) -> int:
        """As `ViewFiles.held`."""
        return 0 if self._keeper is None else await self._keeper.files.held(namespace)

    async def close(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Put aside what has changed, the largest first, as far as the time goes."""
        if self._keeper is None:
            return
        heavy = [(name, e) for name, e in entries if not e.view.is_light]
        changed = [(name, e) for name, e in heavy if e.unsaved > SOME * e.view.live]
        due = anyio.current_time() + END_S
        with anyio.CancelScope(shield=True):
            for namespace, entry in sorted(changed, key=lambda one: -one[1].nbytes):
                if anyio.current_time() < due:
                    await self._put(self._keeper, namespace, entry)

    async def _put(self, keeper: Keeper, namespace: str, entry: Entry) -> None:
        try:
            async with self._turn:
                if not entry.is_dropped:
                    await self._save(keeper, namespace, entry)
        finally:
            entry.shelved_at = perf_counter()
            entry.is_being_shelved = False
            offered = self._offered.get(namespace, set())
            offered.discard(entry)
            if not offered:
                self._offered.pop(namespace, None)

    async def _save(self, keeper: Keeper, namespace: str, entry: Entry) -> None:
        done = self._saving[namespace] = anyio.Event()
        try:
            async with entry.lock:
                snapshot, token, news = entry.view.snapshot(), entry.token, entry.unsaved
            if await keeper.put_aside(namespace, snapshot, token=token, stamp=entry.stamp):
                entry.unsaved -= news
        finally:
            if entry.is_dropped:  # whoever dropped it may have given up waiting
                with anyio.CancelScope(shield=True):
                    await keeper.files.drop(namespace)
            del self._saving[namespace]
            done.set()
