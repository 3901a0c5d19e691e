"""Reconciling one namespace, when somebody asks for it."""

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import final
from uuid import UUID

from sfm_core.coordinates import memory_id
from sfm_core.errors import Conflict
from sfm_core.model import (
    OF_A_NAMESPACE,
    EffectKind,
    JobName,
    JobReport,
    ReconcileReport,
    Repair,
    RepairKind,
    UpkeepReport,
)
from sfm_core.ports import JobLocks, NoTelemetry, Telemetry
from sfm_core.reconcile.parity import Parity
from sfm_core.reconcile.wal import WalReplay
from sfm_core.timing import timed
from sfm_core.upkeep.use_case import Upkeep


@final
class Reconcile:
    """The reconciler's jobs in one namespace, under the same locks."""

    def __init__(
        self,
        *,
        upkeep: Upkeep,
        parity: Parity,
        locks: JobLocks,
        wal: WalReplay | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`wal`: None where there is no index, to which nothing can be owed."""
        self._upkeep = upkeep
        self._parity = parity
        self._wal = wal
        self._locks = locks
        self._telemetry = telemetry or NoTelemetry()

    async def run(
        self, namespace: str, *, jobs: Collection[JobName] = OF_A_NAMESPACE, dry_run: bool = False
    ) -> ReconcileReport:
        """Do these jobs, and tell exactly what was done.

        A dry run tells what would be done, and the same happens when nothing intervenes.

        Raises:
            Conflict: another run of one of the jobs is going on in this namespace, or it was
                erased meanwhile.
            Unavailable: a store, the index or the embedder does not answer: what was done until
                then stays done, and the next run goes on.
        """
        asked = [job for job in OF_A_NAMESPACE if job in jobs]
        async with AsyncExitStack() as stack:
            # upkeep takes its own lock; it is the first, so its refusal comes before anything
            locked = [job for job in asked if job is not JobName.UPKEEP]
            if locked and not dry_run:
                held = self._locks.held(namespace, *locked)
                if not await stack.enter_async_context(held):
                    raise Conflict("another run of these jobs is going on in this namespace")
            reports = await self._reports(namespace, asked, dry_run=dry_run)
        return ReconcileReport(dry_run=dry_run, jobs=tuple(reports))

    async def _reports(
        self, namespace: str, asked: Collection[JobName], *, dry_run: bool
    ) -> list[JobReport]:
        reports: list[JobReport] = []
        settled: dict[UUID, RepairKind] = {}
        for job in asked:
            with timed(self._telemetry, "reconcile_duration_seconds", job=job):
                report = await self._report(namespace, job, settled, dry_run=dry_run)
            settled |= _settled(report)
            reports.append(report)
            if not dry_run:
                self._count(report)
        return reports

    async def _report(
        self, namespace: str, job: JobName, settled: Mapping[UUID, RepairKind], *, dry_run: bool
    ) -> JobReport:
        match job:
            case JobName.UPKEEP:
                return _of_upkeep(namespace, await self._upkeep.run(namespace, dry_run=dry_run))
            case JobName.WAL if self._wal is not None:
                return await self._wal.run(namespace, dry_run=dry_run, foretold=settled)
            case JobName.PARITY:
                return await self._parity.run(namespace, dry_run=dry_run, but=settled)
            case _:
                return JobReport(job=job)

    def _count(self, report: JobReport) -> None:
        for kind, number in report.counts.items():
            self._telemetry.count(
                "reconcile_effects_total", float(number), job=report.job, effect=kind
            )


def _of_upkeep(namespace: str, done: UpkeepReport) -> JobReport:
    effects = tuple(
        Repair(
            kind=effect.kind,
            id=memory_id(namespace, effect.coordinate),
            coordinate=effect.coordinate,
            version=effect.version,
            removed=effect.removed,
        )
        for effect in done.effects
    )
    return JobReport(
        job=JobName.UPKEEP, effects=effects, complete=done.complete, over_limit=done.over_limit
    )


def _settled(report: JobReport) -> dict[UUID, RepairKind]:
    """The memories that a job saw to, and how the index has them since."""
    return {one.id: _as_repair(one.kind) for one in report.effects if one.id is not None}


def _as_repair(kind: str) -> RepairKind:
    if kind == EffectKind.DECAYED:
        return RepairKind.PUT
    if kind in (EffectKind.EXPIRED, EffectKind.PRUNED):
        return RepairKind.BURIED
    return RepairKind(kind)
