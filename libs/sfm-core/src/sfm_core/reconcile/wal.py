"""Indexing what could not be indexed when it was stored."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Final, final
from uuid import UUID

from sfm_core.errors import Conflict, SfmError
from sfm_core.model import JobName, JobReport, Owed, Repair, RepairKind
from sfm_core.ports import Clock, Embedder, JobLocks, RecordStore, VectorWal
from sfm_core.reconcile.backoff import delay_s
from sfm_core.reconcile.indexing import Indexing

_LOG: Final = logging.getLogger(__name__)

MAX_OWED: Final = 500
"""Looked at in one run."""
_WHENEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_REFUSED: Final = timedelta(hours=1)
"""Until the index is asked again to take what it refused."""
_ENOUGH: Final = 3
"""Namespaces in a row that fail: then it is not for one's sake."""


@final
class WalReplay:
    """Pays what is owed to the index, by state: an entry says only which memory to look at.

    A memory that the record store no longer knows is struck off. What fails is tried again
    later and later, each entry by itself, so that one namespace in trouble holds up no other.
    """

    def __init__(
        self,
        *,
        wal: VectorWal,
        indexing: Indexing,
        records: RecordStore,
        embedder: Embedder,
        locks: JobLocks,
        clock: Clock,
        random: Random | None = None,
    ) -> None:
        self._wal = wal
        self._indexing = indexing
        self._records = records
        self._embedder = embedder
        self._locks = locks
        self._clock = clock
        self._random = random or Random()

    async def run(
        self,
        namespace: str,
        *,
        dry_run: bool = False,
        foretold: Mapping[UUID, RepairKind] | None = None,
    ) -> JobReport:
        """Pay all that is owed in a namespace, due or not, at most `MAX_OWED`; exactly what it was.

        The caller holds the lock of the job. `foretold`: what a dry run is to take for granted of
        some memories, as something else would be done to them first.

        Raises:
            Conflict, Unavailable: as `Indexing.bring`; the attempt is counted.
        """
        owed = await self._wal.due(now=_WHENEVER, limit=MAX_OWED + 1, namespace=namespace)
        some = owed[:MAX_OWED]
        if dry_run:
            kinds = await self._planned(namespace, some) | dict(foretold or {})
            done = {one.memory_id: kinds.get(one.memory_id, RepairKind.STRUCK) for one in some}
        else:
            done = await self._paid(namespace, some)
        return JobReport(
            job=JobName.WAL,
            effects=tuple(Repair(id=id_, kind=kind) for id_, kind in sorted(done.items())),
            complete=len(owed) <= MAX_OWED,
        )

    async def run_due(self) -> Mapping[str, int]:
        """Pay what is due, at most `MAX_OWED` of each namespace; how much of each kind.

        A namespace in which another process does this is passed over. Each has its turn once:
        neither much that is owed in one nor a lock that is held there keeps the others waiting.

        Raises:
            Unavailable: the record store does not answer.
            Exception: several in a row failed of it: the rest is for the next round.
        """
        now, counts, failures = self._clock.now(), dict[str, int](), 0
        seen: set[str] = set()
        while owed := await self._wal.due(now=now, limit=MAX_OWED, but=seen):
            by_namespace = sorted(owed, key=lambda one: one.namespace)
            for namespace, group in groupby(by_namespace, key=lambda one: one.namespace):
                seen.add(namespace)
                try:
                    for kind in (await self._paid_alone(namespace, list(group))).values():
                        counts[kind] = counts.get(kind, 0) + 1
                    failures = 0
                except Exception as error:  # one namespace's fault is not the others'
                    _told(namespace, error)
                    failures += 1
                    if failures == _ENOUGH:
                        raise
        return counts

    async def _paid_alone(self, namespace: str, owed: Sequence[Owed]) -> dict[UUID, RepairKind]:
        async with self._locks.held(namespace, JobName.WAL) as is_ours:
            return await self._paid(namespace, owed) if is_ours else {}

    async def _paid(self, namespace: str, owed: Sequence[Owed]) -> dict[UUID, RepairKind]:
        """What became of each; with an error, when the next attempts are due is noted."""
        if not owed:
            return {}
        try:
            ids = [one.memory_id for one in owed]
            done, refused = await self._indexing.tried(namespace, ids)
        except Conflict:
            raise
        except SfmError as error:
            await self._put_off(namespace, owed, error)
            raise
        if refused:
            due_at = self._clock.now() + _REFUSED
            await self._wal.failed(namespace, refused, reason="refused", due_at=due_at)
        paid = [one for one in owed if one.memory_id not in refused]
        await self._wal.paid(namespace, [(one.memory_id, one.version) for one in paid])
        return {one.memory_id: done.get(one.memory_id, RepairKind.STRUCK) for one in paid}

    async def _put_off(self, namespace: str, owed: Sequence[Owed], error: SfmError) -> None:
        """Those with the same number of attempts together: others would be a statement each."""
        now = self._clock.now()
        by_attempts = sorted(owed, key=lambda one: one.attempts)
        for attempts, group in groupby(by_attempts, key=lambda one: one.attempts):
            later = timedelta(seconds=delay_s(attempts + 1, self._random))
            await self._wal.failed(
                namespace,
                [one.memory_id for one in group],
                reason=error.kind.value,
                due_at=now + later,
            )

    async def _planned(self, namespace: str, owed: Sequence[Owed]) -> dict[UUID, RepairKind]:
        rows = await self._records.view_rows(
            namespace,
            [one.memory_id for one in owed],
            model_revision=self._embedder.info.model_revision,
        )
        kinds: dict[UUID, RepairKind] = {}
        for row in rows:
            bare = RepairKind.EMBEDDED if row.vector is None else RepairKind.PUT
            kinds[row.id] = RepairKind.BURIED if row.deleted else bare
        return kinds


def _told(namespace: str, error: Exception) -> None:
    if isinstance(error, SfmError):
        extra = {"namespace": namespace, "kind": error.kind.value, "detail": error.detail}
        _LOG.warning("wal.failed", extra=extra)
        return
    extra = {"namespace": namespace, "kind": "internal", "detail": type(error).__name__}
    _LOG.error("wal.failed", extra=extra, exc_info=error)
