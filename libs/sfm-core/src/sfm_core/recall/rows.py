"""The rows of hits: from the cache where the truth says it still holds, else from the truth."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, final
from uuid import UUID

import anyio
import anyio.abc

from sfm_core.model import LinkRow, Memory, Sample, ViewRow, mark_of
from sfm_core.owned import owned_tasks
from sfm_core.ports import Applier, Cache, RecordStore, Telemetry

MAX_KEEPING: Final = 32
"""Rows are given to the cache in the background, so many lots at once; further ones are not."""


@final
class CachedRows:
    """Implements `Rows`.

    The record store says of each id what marks its present row, and of which log; the cache,
    asked at the same time, what it holds. A row is used when it is of that log and has that
    mark, so what was changed, deleted or erased, or is of another database, is not shown,
    whatever the cache says; the others are read from the store.
    """

    def __init__(
        self,
        tasks: anyio.abc.TaskGroup,
        *,
        records: RecordStore,
        cache: Cache,
        telemetry: Telemetry,
    ) -> None:
        self._tasks = tasks
        self._records = records
        self._cache = cache
        self._telemetry = telemetry
        self._keeping = 0

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        held: dict[UUID, Memory] = {}
        log, asked = self._cache.log, anyio.Event()

        async def ask_cache() -> None:
            held.update(await self._cache.fetch(namespace, ids))
            asked.set()

        async with owned_tasks() as asking:
            asking.start_soon(ask_cache)
            marks = await self._records.marks(namespace, ids)
            await asked.wait()
        if marks.log != log:
            held = {}
            self._cache.turn_to(marks.log)
        found = {id_: row for id_, row in held.items() if marks.of.get(id_) == mark_of(row)}
        missing = [id_ for id_ in marks.of if id_ not in found]
        self._telemetry.count("cache_rows_total", len(found), result="hit")
        self._telemetry.count("cache_rows_total", len(held) - len(found), result="stale")
        self._telemetry.count("cache_rows_total", len(ids) - len(held), result="miss")
        if missing:
            rows = await self._records.fetch(namespace, missing)
            self._keep(namespace, list(rows.values()))
            found |= rows
        return found

    def _keep(self, namespace: str, rows: list[Memory]) -> None:
        if self._keeping < MAX_KEEPING:
            self._keeping += 1
            self._tasks.start_soon(self._kept, namespace, rows)

    async def _kept(self, namespace: str, rows: list[Memory]) -> None:
        try:
            await self._cache.keep(namespace, rows)
        finally:
            self._keeping -= 1


@final
class Forgetting:
    """Implements `Applier`: the views first, then the cache lets go of what was deleted.

    So the text of a deleted memory does not lie in the cache until its time there is over.
    """

    def __init__(self, views: Applier, cache: Cache) -> None:
        self._views = views
        self._cache = cache

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        await self._views.apply(namespace, rows, samples, links)
        gone = {row.id: row.position for row in rows if row.deleted}
        if gone:
            await self._cache.forget(namespace, gone)
