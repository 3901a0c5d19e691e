"""From a commit to the vector index, or to the list of what it is owed."""

import logging
from collections.abc import Collection, Sequence
from typing import Final, final
from uuid import UUID

from sfm_core.errors import SfmError, Unavailable
from sfm_core.indexing.points import point_of
from sfm_core.model import ViewRow
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.ports import Jobs, NoTelemetry, Telemetry, VectorStore, VectorWal

_LOG: Final = logging.getLogger(__name__)
_BEHIND: Final = 256
"""Calls that may be on their way with nobody waiting for them."""


@final
class IndexWriter:
    """Gives the vector store what was committed. Never fails what is durable: what does not get
    there is owed, and whoever replays that list brings it there.
    """

    def __init__(
        self,
        *,
        vectors: VectorStore,
        wal: VectorWal,
        jobs: Jobs,
        model_revision: str,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._vectors = vectors
        self._wal = wal
        self._jobs = jobs
        self._model_revision = model_revision
        self._telemetry = telemetry or NoTelemetry()
        self._behind = 0

    async def now(
        self, namespace: str, rows: Sequence[ViewRow], *, generation: int, again: bool = False
    ) -> frozenset[UUID]:
        """Index memories and tombstones; which of them are not in the index when this returns.

        `again`: some may be owed from before, and are struck off.
        """
        bare = frozenset(row.id for row in rows if not row.deleted and row.vector is None)
        known = [(row.id, row.version) for row in rows if row.id not in bare]
        try:
            points = await off_loop(
                lambda: [
                    point
                    for row in rows
                    if (
                        point := point_of(
                            row, generation=generation, model_revision=self._model_revision
                        )
                    )
                ],
                when=len(rows) > INLINE_ITEMS,
            )
            await self._vectors.put(namespace, points)
        except Exception as error:  # noqa: BLE001 - it is durable, and is owed now
            reason = error.detail if isinstance(error, SfmError) else "a bug: see the log"
            if not isinstance(error, SfmError):
                _LOG.exception("vector_store.failed", extra={"rows": len(rows)})
            await self._owe(namespace, known, reason)
            return frozenset(row.id for row in rows)
        if again:
            await self._pay(namespace, known)
        return bare

    async def later(
        self, namespace: str, rows: Sequence[ViewRow], *, generation: int, again: bool = False
    ) -> frozenset[UUID]:
        """As `now`, begun and not waited for; all of them. What is too much at once is owed."""

        async def job() -> None:
            try:
                await self.now(namespace, rows, generation=generation, again=again)
            finally:
                self._behind -= 1

        refusal = "too much is on its way to the vector index"
        if self._behind < _BEHIND:
            try:
                self._jobs.start(job)
            except Unavailable as error:
                refusal = error.detail
            else:
                self._behind += 1
                return frozenset(row.id for row in rows)
        await self._owe(namespace, [(row.id, row.version) for row in rows], refusal)
        return frozenset(row.id for row in rows)

    async def _owe(self, namespace: str, ids: Collection[tuple[UUID, int]], reason: str) -> None:
        self._telemetry.count("vector_store_missed_total", float(len(ids)))
        try:
            await self._wal.owe(namespace, ids, reason=reason)
        except SfmError as error:  # the log has it: the indexer and the audit come by
            _LOG.warning("vector_wal.failed", extra={"rows": len(ids), "detail": error.detail})

    async def _pay(self, namespace: str, ids: Collection[tuple[UUID, int]]) -> None:
        try:
            await self._wal.paid(namespace, ids)
        except SfmError as error:  # its replay finds it done
            _LOG.warning("vector_wal.failed", extra={"rows": len(ids), "detail": error.detail})
