"""The reconciler's jobs again and again, for as long as a process lives."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, final

import anyio

from sfm_core.errors import SfmError
from sfm_core.model import JobName
from sfm_core.ports import NoTelemetry, Telemetry
from sfm_core.reconcile.backoff import delay_s
from sfm_core.timing import timed

_LOG: Final = logging.getLogger(__name__)

type Round = Callable[[], Awaitable[Mapping[str, int]]]
"""One round of a job over every namespace: how much was done of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    name: JobName
    round: Round
    interval_s: float
    at_once: bool = True
    """Begin with the process, and not one interval after it."""


@final
class Schedule:
    """Each job in a task of its own, so that none waits for another's outage.

    Between two rounds lies the job's interval; after a round that failed a delay that grows
    with each failure, and never less than the interval. Replicas do not come at the same time:
    every wait is shortened by up to a tenth.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        telemetry: Telemetry | None = None,
        places: int = 2,
        random: Random | None = None,
    ) -> None:
        """`places`: rounds at once in this process; each may hold two connections."""
        self._jobs = jobs
        self._telemetry = telemetry or NoTelemetry()
        self._places = anyio.CapacityLimiter(places)
        self._random = random or Random()
        self._failing: dict[JobName, str] = {}

    @property
    def failing(self) -> Mapping[JobName, str]:
        """What the last round of a job failed of; a job that went well has no entry."""
        return self._failing

    async def run(self) -> None:
        """Until cancelled; whatever is cut short goes on in a later round, here or elsewhere."""
        async with anyio.create_task_group() as tasks:
            for job in self._jobs:
                tasks.start_soon(self._repeat, job)

    async def round(self, job: Job) -> bool:
        """Do one round; whether it went well."""
        try:
            with timed(self._telemetry, "reconcile_duration_seconds", job=job.name):
                done = await job.round()
        except SfmError as error:
            self._failing[job.name] = error.detail
            extra = {"job": job.name, "kind": error.kind, "detail": error.detail}
            _LOG.warning("reconcile.failed", extra=extra)
            return False
        except Exception as error:  # noqa: BLE001 - a bug in one job must not end the others
            self._failing[job.name] = f"an internal error: {type(error).__name__}"
            extra = {"job": job.name, "kind": "internal", "detail": type(error).__name__}
            _LOG.exception("reconcile.failed", extra=extra)
            return False
        self._failing.pop(job.name, None)
        for kind, number in done.items():
            self._telemetry.count(
                "reconcile_effects_total", float(number), job=job.name, effect=kind
            )
        if done:
            _LOG.info("reconcile.done", extra={"job": job.name, "effects": dict(done)})
        return True

    async def _repeat(self, job: Job) -> None:
        failures = 0
        if not job.at_once:
            await self._wait(job.interval_s)
        while True:
            async with self._places:
                went_well = await self.round(job)
            failures = 0 if went_well else failures + 1
            backoff_s = delay_s(failures, self._random) if failures else 0.0
            await self._wait(max(job.interval_s, backoff_s))

    async def _wait(self, seconds: float) -> None:
        await anyio.sleep(seconds * (1 - self._random.random() / 10))
