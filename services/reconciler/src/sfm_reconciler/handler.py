"""What the service does: the schedule, and what it shows of the work that is left."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, final

import anyio

from sfm_core.errors import SfmError
from sfm_core.model import JobName
from sfm_core.ports import Clock, Outbox, VectorWal
from sfm_core.reconcile.schedule import Schedule
from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.runtime.readiness import Dependency, Readiness

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0
"""How often it is counted what is left."""

type Backlog = Callable[[], Awaitable[tuple[int, datetime | None]]]
type Dependencies = Callable[[], Awaitable[Sequence[Dependency]]]


@final
class Reconciler:
    """Runs the jobs, and says whether what they rest on is there.

    Nothing has to be drained when it stops: whatever is cut short is found again by state.
    """

    def __init__(
        self,
        *,
        schedule: Schedule,
        dependencies: Dependencies,
        clock: Clock,
        wal: VectorWal | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """`outbox`: None where nobody publishes."""
        self._schedule = schedule
        self._dependencies = dependencies
        self._is_relaying = outbox is not None
        self._left: dict[str, Left] = {}
        if wal is not None:
            self._left["wal_entries"] = Left(wal.size, clock)
        if outbox is not None:
            self._left["outbox_unsent_rows"] = Left(outbox.backlog, clock)

    def show(self, telemetry: PrometheusTelemetry) -> None:
        """Let scrapes see how much is left."""
        ages = {
            "wal_entries": "wal_oldest_age_seconds",
            "outbox_unsent_rows": "outbox_oldest_age_seconds",
        }
        for name, left in self._left.items():
            telemetry.gauge(name, left.count)
            telemetry.gauge(ages[name], left.age_s)

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            for left in self._left.values():
                tasks.start_soon(left.watch)
            await self._schedule.run()

    async def ready(self) -> Readiness:
        """Whether everything that the jobs rest on answers."""
        found = [*await self._dependencies()]
        if self._is_relaying:
            failed = self._schedule.failing.get(JobName.RELAY)
            found.append(
                Dependency(name="kafka", ok=failed is None, required=True, detail=failed or "")
            )
        return Readiness(dependencies=found)


@final
class Left:
    """How much is left of something, and since when, as last asked."""

    def __init__(self, backlog: Backlog, clock: Clock) -> None:
        self._backlog = backlog
        self._clock = clock
        self._known: tuple[int, datetime | None] | None = None

    def count(self) -> float | None:
        """None: unknown."""
        return None if self._known is None else float(self._known[0])

    def age_s(self) -> float | None:
        """Of the oldest; 0 when nothing is left, None: unknown."""
        if self._known is None:
            return None
        since = self._known[1]
        return 0.0 if since is None else max(0.0, (self._clock.now() - since).total_seconds())

    async def watch(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await self.look()
            await anyio.sleep(LOOK_S)

    async def look(self) -> None:
        try:
            self._known = await self._backlog()
        except SfmError:
            self._known = None
