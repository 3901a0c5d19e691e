"""The graph of links, as the views of this process hold it, or as the store alone does."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final, final
from uuid import UUID

import anyio
import anyio.to_thread
import numpy as np

from sfm_core.edges.paths import Way, strongest_way
from sfm_core.edges.table import EdgeSnapshot
from sfm_core.errors import DeadlineExceeded
from sfm_core.model import Mask
from sfm_core.ports import ChangeFeed, RecordStore
from sfm_core.recall.admit import unexpired
from sfm_core.recall.links_alone import LinksAlone
from sfm_core.recall.views import Views

THREADS: Final = 1
"""Searches at once: they hold the interpreter, which recalls need too."""
PATIENCE: Final = 0.2
"""How long a view may take to load before links are read alone, as a share of the deadline."""

type Search = Callable[[EdgeSnapshot, Mask], Way | None]
"""Over links, through the rows that a mask (rows,) marks."""


@final
class GraphViews:
    """Implements `GraphStore`: searches a view's links by NetworkX, on a thread of its own.

    Where no view is held, or not soon, the links are read from the store for the one question:
    that costs a pass over them, and no vectors.
    """

    def __init__(
        self, views: Views, *, feed: ChangeFeed, records: RecordStore, deadline_s: float = 5.0
    ) -> None:
        self._views = views
        self._feed = feed
        self._records = records
        self._deadline_s = deadline_s
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._reading = anyio.Semaphore(THREADS)

    async def shortest_path(
        self,
        namespace: str,
        origin: UUID,
        target: UUID,
        *,
        type: str | None,  # noqa: A002 - the contract's name
        min_position: int,
        now: datetime,
    ) -> tuple[Sequence[UUID], float] | None:
        def search(edges: EdgeSnapshot, live: Mask) -> Way | None:
            bound = self._deadline_s
            return strongest_way(edges, origin, target, type=type, live=live, deadline_s=bound)

        patience = PATIENCE * self._deadline_s
        try:
            with anyio.fail_after(self._deadline_s):
                entry = await self._views.soon(namespace, min_position, patience_s=patience)
                if entry is None:
                    async with self._reading:  # each holds all links of a namespace
                        way = await self._alone(namespace, search, min_position, now)
                else:
                    snapshot = await entry.snapshot()
                    live = unexpired(snapshot, now)
                    way = await self._found(search, snapshot.edges, live)
        except TimeoutError as error:
            said = "the path was not found in time"
            raise DeadlineExceeded(said, deadline_s=self._deadline_s) from error
        return None if way is None else (way.memories, way.weight)

    async def refresh(self) -> None:
        await self._views.refresh()

    async def _found(self, search: Search, edges: EdgeSnapshot, live: Mask) -> Way | None:
        return await anyio.to_thread.run_sync(partial(search, edges, live), limiter=self._limiter)

    async def _alone(
        self, namespace: str, search: Search, position: int, now: datetime
    ) -> Way | None:
        """Searches again without those on the way that have gone or expired, until none has."""
        await self._views.come_to(position)
        links = await LinksAlone.read(self._feed, namespace)
        live: Mask = np.ones(links.rows, dtype=np.bool_)
        while True:
            way = await self._found(search, links.edges, live)
            gone = [] if way is None else await self._gone(namespace, way.memories, now)
            if not gone:
                return way
            for memory in gone:
                live[links.edges.rows[links.edges.node_of[memory.bytes]]] = False

    async def _gone(
        self, namespace: str, memories: Collection[UUID], now: datetime
    ) -> Sequence[UUID]:
        found = await self._records.fetch(namespace, memories)
        return [one for one in memories if one not in found or found[one].has_expired(now)]
