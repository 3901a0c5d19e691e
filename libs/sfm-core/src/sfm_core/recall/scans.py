"""Request coalescing: all queries waiting on a view are ranked in one pass over it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, final

import anyio
import anyio.abc
import anyio.to_thread

from sfm_core.ports import Telemetry
from sfm_core.recall.rank import Plan, Ranked, rank
from sfm_core.recall.view import Snapshot
from sfm_core.recall.views import Entry

MAX_WAVE: Final = 64
"""Queries per wave; the rest wait for the next."""


@dataclass(slots=True, eq=False)
class _Job:
    plans: Sequence[Plan]
    since: float = field(default_factory=perf_counter)
    done: anyio.Event = field(default_factory=anyio.Event)
    abandoned: bool = False
    outcome: "tuple[Snapshot, Sequence[Ranked]] | BaseException | None" = None


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
        self._telemetry = telemetry
        self._waiting: dict[Entry, list[_Job]] = {}

    async def rank(self, entry: Entry, plans: Sequence[Plan]) -> tuple[Snapshot, Sequence[Ranked]]:
        """Rank each plan over the view as it is now or later; the snapshot that was used."""
        job = _Job(plans)
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
        if isinstance(job.outcome, BaseException):
            raise job.outcome
        if job.outcome is None:
            raise RuntimeError("a wave ended without an outcome")
        return job.outcome

    async def _drain(self, entry: Entry) -> None:
        try:
            while wave := self._next_wave(entry):
                await self._run(entry, wave)
        finally:
            del self._waiting[entry]

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
        plans = [plan for job in wave for plan in job.plans]
        started = perf_counter()
        for job in wave:
            self._telemetry.observe("recall_stage_seconds", started - job.since, stage="wait")
        self._telemetry.observe("recall_batch_queries", len(plans))
        try:
            snapshot = await entry.snapshot()
            work: Callable[[], Sequence[Ranked]] = lambda: rank(snapshot, plans)  # noqa: E731
            ranked = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        except Exception as error:  # noqa: BLE001 - handed to every waiting caller
            for job in wave:
                job.outcome = error
        else:
            at = 0
            for job in wave:
                job.outcome = (snapshot, ranked[at : at + len(job.plans)])
                at += len(job.plans)
        finally:
            for job in wave:
                job.done.set()
        self._telemetry.observe("recall_stage_seconds", perf_counter() - started, stage="scan")
