"""The service put together: dependencies opened, jobs done until told to stop."""

import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

import anyio

from sfm_core.errors import Unavailable
from sfm_core.factory import open_worker
from sfm_core.factory.reconciling import Reconciling, reconciling_over
from sfm_core.factory.workers import Worker
from sfm_core.ports import Telemetry
from sfm_core.reconcile.backoff import delay_s
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry
from sfm_core.runtime.readiness import Dependency, Readiness
from sfm_core.runtime.tracing import Tracing
from sfm_core.runtime.worker_http import watched
from sfm_events.relay import Relay
from sfm_events.transports.kafka import KafkaTransport
from sfm_reconciler.handler import Reconciler
from sfm_reconciler.settings import ReconcilerSettings

log = logging.getLogger(__name__)

SERVICE: Final = "reconciler"


async def run(settings: ReconcilerSettings, stopping: anyio.Event, *, tracing: Tracing) -> None:
    """Reconcile until `stopping` is set. While PostgreSQL does not answer at the start, probes
    do, not ready, and it is tried again.

    Raises:
        Misconfigured: a server refuses us, the address of the probes is in use, the schema is
            another version's, or the model's files are wrong.
    """
    telemetry = open_telemetry()
    opening = _Opening(settings, telemetry, tracing)
    async with (
        watched(settings.worker, service=SERVICE, telemetry=telemetry, ready=opening.ready),
        cut_when(stopping),
    ):
        await opening.run()


@asynccontextmanager
async def cut_when(stopping: anyio.Event) -> AsyncGenerator[None]:
    """Cancels the block when it is to stop, which is no failure; what was begun is found again."""
    async with anyio.create_task_group() as tasks:

        async def until_stopped() -> None:
            await stopping.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(until_stopped)
        yield
        tasks.cancel_scope.cancel()


class _Opening:
    """Opens what the service rests on, as often as it takes."""

    def __init__(
        self, settings: ReconcilerSettings, telemetry: PrometheusTelemetry, tracing: Tracing
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._observing = tracing.observing(telemetry)
        self._reconciler: Reconciler | None = None
        self._detail = "not asked yet"
        self._random = Random()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                async with self._open() as self._reconciler:
                    failures = 0
                    self._reconciler.show(self._telemetry)
                    await self._reconciler.run()
            except Unavailable as error:
                failures += 1
                self._detail = error.detail
                log.warning("reconciler.waiting", extra={"detail": error.detail})
            finally:
                self._reconciler = None
            await anyio.sleep(delay_s(failures, self._random))

    async def ready(self) -> Readiness:
        if self._reconciler is not None:
            return await self._reconciler.ready()
        missing = Dependency(name="postgres", ok=False, required=True, detail=self._detail)
        return Readiness(dependencies=[missing])

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Reconciler]:
        settings = self._settings
        async with AsyncExitStack() as stack:
            opened = open_worker(settings.core, telemetry=self._observing)
            worker = await stack.enter_async_context(opened)
            outbox, relay = None, None
            if settings.kafka.kafka_bootstrap_servers:
                transport = await KafkaTransport.connect(settings.kafka)
                outbox = worker.stores.outbox
                relay = Relay(
                    outbox=outbox,
                    producer=await stack.enter_async_context(transport.producer()),
                    topic=settings.kafka.kafka_memory_events_topic,
                    clock=worker.clock,
                    telemetry=self._observing,
                )
            schedule = over(worker, settings, self._observing).schedule(
                settings.core, self._observing, relay=None if relay is None else relay.sweep
            )
            yield Reconciler(
                schedule=schedule,
                dependencies=worker.dependencies,
                clock=worker.clock,
                wal=None if worker.vectors is None else worker.stores.wal,
                outbox=outbox,
            )


def over(worker: Worker, settings: ReconcilerSettings, telemetry: Telemetry) -> Reconciling:
    return reconciling_over(
        settings=settings.core,
        stores=worker.stores,
        embedder=worker.embedder,
        commits=worker.commits,
        clock=worker.clock,
        telemetry=telemetry,
        vectors=worker.vectors,
    )
