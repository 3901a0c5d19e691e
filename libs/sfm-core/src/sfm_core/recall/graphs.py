"""The graph of links, as the views of this process hold it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, final
from uuid import UUID

import anyio
import anyio.to_thread

from sfm_core.edges.paths import strongest_way
from sfm_core.errors import DeadlineExceeded
from sfm_core.recall.admit import unexpired
from sfm_core.recall.views import Views

THREADS: Final = 1
"""Searches at once: they hold the interpreter, which recalls need too."""


@final
class GraphViews:
    """Implements `GraphStore`: searches a view's links by NetworkX, on a thread of its own."""

    def __init__(self, views: Views, *, deadline_s: float = 5.0) -> None:
        self._views = views
        self._deadline_s = deadline_s
        self._limiter = anyio.CapacityLimiter(THREADS)

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
        try:
            with anyio.fail_after(self._deadline_s):
                entry = await self._views.reached(namespace, min_position)
                snapshot = await entry.snapshot()
                search = partial(
                    strongest_way,
                    snapshot.edges,
                    origin,
                    target,
                    type=type,
                    live=unexpired(snapshot, now),
                    deadline_s=self._deadline_s,
                )
                way = await anyio.to_thread.run_sync(search, limiter=self._limiter)
        except TimeoutError as error:
            said = "the path was not found in time"
            raise DeadlineExceeded(said, deadline_s=self._deadline_s) from error
        return None if way is None else (way.memories, way.weight)

    async def refresh(self) -> None:
        await self._views.refresh()
