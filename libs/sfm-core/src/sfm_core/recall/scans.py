"""Request coalescing: all queries waiting on a view are ranked in one pass over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Final, final

import anyio
import anyio.abc
import anyio.to_thread

from sfm_core.errors import Unavailable
from sfm_core.ports import Telemetry
from sfm_core.recall.entry import Entry
from sfm_core.recall.placing import placed
from sfm_core.recall.rank import Plan, Ranked, rank
from sfm_core.recall.view import Snapshot

MAX_WAVE: Final = 64
"""Queries per wave; the rest wait for the next."""
MAX_WAITING: Final = 4096
"""Queries that wait over all views; one more is refused. As many texts may wait to be embedded."""


@dataclass(slots=True, eq=False)
class _Job:
    plans: Sequence[Plan]
    since: float = field(default_factory=perf_counter)
    done: anyio.Event = field(default_factory=anyio.Event)
    abandoned: bool = False
    outcome: "tuple[Snapshot, Sequence[Ranked]] | Exception | None" = None
    """None when all is being closed."""


@final
class Scans:
    """Runs waves of queries on worker threads, one wave at a time per view.

    While a wave runs, further queries on the view gather for the next; so under load many
    share one matrix product, and alone a query does not wait. At most `threads` waves run at
    once over all views.
    """

    def __init__(self, tasks: anyio.abc.TaskGroup, *, threads: int, telemetry: Telemetry) -> None:
        self._tasks = tasks
        self._limiter = anyio.CapacityLimiter(threads)
        self._explaining = anyio.CapacityLimiter(1)
        self._telemetry = telemetry
        self._waiting: dict[Entry, list[_Job]] = {}
        self._inside = 0

    async def rank(self, entry: Entry, plans: Sequence[Plan]) -> tuple[Snapshot, Sequence[Ranked]]:
        """Rank each plan over the view as it is now or later; the snapshot that was used.

        Raises:
            Unavailable: too many queries wait already, or the process is stopping.
        """
        if self._inside + len(plans) > MAX_WAITING:
            raise Unavailable("too many recalls are waiting; try again", limit=MAX_WAITING)
        job = _Job(plans)
        self._inside += len(plans)
        waiting = self._waiting.get(entry)
        if waiting is None:
            self._waiting[entry] = [job]
            self._tasks.start_soon(self._drain, entry)
        else:
            waiting.append(job)
        try:
            await job.done.wait()
        finally:
            job.abandoned = True
            self._inside -= len(plans)
        if isinstance(job.outcome, Exception):
            raise job.outcome
        if job.outcome is None:
            raise Unavailable("the process is stopping")
        return job.outcome

    async def explained(
        self, namespace: str, plans: Sequence[Plan], snapshot: Snapshot, ranked: Sequence[Ranked]
    ) -> list[Ranked]:
        """`ranked`, with what became of the memories that each plan names (`explain_for`).

        Such a plan costs a scoring of all rows in float64 (100 to 200 ms for 100 000). They take
        their turn one at a time over all callers, beside the waves; a caller that gives up has
        at most one more made.
        """
        found = list(ranked)
        for i, plan in enumerate(plans):
            if plan.query.explain_for:
                places = await anyio.to_thread.run_sync(
                    placed, namespace, snapshot, plan, limiter=self._explaining
                )
                found[i] = replace(found[i], placed=places)
        return found

    async def _drain(self, entry: Entry) -> None:
        try:
            while wave := self._next_wave(entry):
                await self._run(entry, wave)
        finally:
            for job in self._waiting.pop(entry):  # only when cancelled in between
                job.done.set()

    def _next_wave(self, entry: Entry) -> list[_Job]:
        queue = [job for job in self._waiting[entry] if not job.abandoned]
        wave: list[_Job] = []
        size = 0
        while queue and (not wave or size + len(queue[0].plans) <= MAX_WAVE):
            job = queue.pop(0)
            size += len(job.plans)
            wave.append(job)
        self._waiting[entry][:] = queue
        return wave

    async def _run(self, entry: Entry, wave: Sequence[_Job]) -> None:
        started = perf_counter()
        for job in wave:
            self._telemetry.observe("recall_stage_seconds", started - job.since, stage="wait")
        self._telemetry.observe("recall_batch_queries", sum(len(job.plans) for job in wave))
        try:
            await self._settle(entry, wave)
        finally:
            for job in wave:
                job.done.set()
        self._telemetry.observe("recall_stage_seconds", perf_counter() - started, stage="scan")

    async def _settle(self, entry: Entry, jobs: Sequence[_Job]) -> None:
        """Give each job its outcome; one that fails does not take the others with it."""
        plans = [plan for job in jobs for plan in job.plans]
        try:
            snapshot = await entry.snapshot()
            ranked = await anyio.to_thread.run_sync(rank, snapshot, plans, limiter=self._limiter)
        except Exception as error:  # noqa: BLE001 - handed to the caller it belongs to
            if len(jobs) == 1:
                jobs[0].outcome = error
                return
            for job in jobs:
                await self._settle(entry, [job])
            return
        at = 0
        for job in jobs:
            job.outcome = (snapshot, ranked[at : at + len(job.plans)])
            at += len(job.plans)
