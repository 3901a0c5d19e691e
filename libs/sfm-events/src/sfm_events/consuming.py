"""A service that consumes events, over any transport: opened, watched and run."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import anyio

from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.runtime.readiness import Dependency, Readiness
from sfm_core.runtime.tracing import Tracing
from sfm_core.runtime.worker_http import watched
from sfm_core.runtime.worker_settings import WorkerSettings
from sfm_events.consumer_settings import ConsumerSettings
from sfm_events.gauges import show_consumer
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Handler, Producer, Source
from sfm_events.traced import Traced

CUT_S: Final = 1.0
"""Kept back from the grace period for leaving the group, and for closing."""


class Transport(Protocol):
    """Where events are read, and records that can never be handled are put aside."""

    def source(self, service: str) -> AbstractAsyncContextManager[Source]:
        """A member of the group of a service."""
        ...

    def producer(self) -> AbstractAsyncContextManager[Producer]:
        """For dead letters."""
        ...


@asynccontextmanager
async def open_loop(
    service: str,
    *,
    transport: Transport,
    handler: Handler,
    settings: ConsumerSettings,
    grace_s: float,
    telemetry: PrometheusTelemetry,
    tracing: Tracing,
) -> AsyncGenerator[ConsumerLoop]:
    """A loop over the transport; `run` it inside the block. Its gauges are shown.

    `grace_s`: what all may take after a stop.
    """
    async with transport.producer() as producer, transport.source(service) as source:
        loop = ConsumerLoop(
            name=service,
            source=source,
            handler=Traced(handler, tracing, name=f"{service} handle"),
            producer=producer,
            policy=settings.policy(drain_s=max(0.0, grace_s - CUT_S)),
            telemetry=tracing.observing(telemetry),
        )
        show_consumer(service, loop, telemetry)
        yield loop


async def consume(
    loop: ConsumerLoop,
    stopping: anyio.Event,
    *,
    service: str,
    settings: WorkerSettings,
    telemetry: PrometheusTelemetry,
    dependencies: Callable[[], Awaitable[Sequence[Dependency]]],
) -> None:
    """Run the loop until `stopping` is set and what was in hand is done; answer probes meanwhile.

    Ready is a process whose loop goes on and whose `dependencies` are there.
    """

    async def ready() -> Readiness:
        health = loop.health
        events = Dependency(name="events", ok=health.ready, required=True, detail=health.detail)
        return Readiness(dependencies=(events, *await dependencies()))

    async with watched(settings, service=service, telemetry=telemetry, ready=ready):
        await loop.run(stopping)
