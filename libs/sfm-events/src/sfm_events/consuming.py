"""A service that consumes events, over any transport: opened, watched and run."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, final

import anyio

from sfm_core.errors import Unavailable
from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.runtime.readiness import Dependency, Readiness
from sfm_core.runtime.tracing import Tracing
from sfm_core.runtime.worker_http import watched
from sfm_core.runtime.worker_settings import WorkerSettings
from sfm_events.backoff import Backoff
from sfm_events.consumer_settings import ConsumerSettings
from sfm_events.gauges import show_consumer
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Handler, Producer, Source
from sfm_events.traced import Traced

log = logging.getLogger(__name__)

FIRST_WAIT_S: Final = 0.2
MOST_WAIT_S: Final = 5.0
"""Between two tries to open what a service rests on."""
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


@dataclass(frozen=True, slots=True)
class Consumer:
    """A loop over what is open, and what it rests on."""

    loop: ConsumerLoop
    dependencies: Callable[[], Awaitable[Sequence[Dependency]]]
    remarks: Callable[[], Sequence[str]] = tuple
    """What is not as it should be with the transport, and stops nothing."""

    async def ready(self) -> Readiness:
        """Whether the loop goes on and the dependencies are there."""
        health = self.loop.health
        detail = health.detail or "; ".join(self.remarks())
        events = Dependency(name="events", ok=health.ready, required=True, detail=detail)
        return Readiness(dependencies=(events, *await self.dependencies()))


async def consume(
    opened: Callable[[], AbstractAsyncContextManager[Consumer]],
    stopping: anyio.Event,
    *,
    service: str,
    settings: WorkerSettings,
    telemetry: PrometheusTelemetry,
) -> None:
    """Open the consumer and run it until `stopping` is set and what was in hand is done.

    Answers probes meanwhile. Where the record store does not answer at the start (`Unavailable`)
    it is tried again for as long as it takes: the process is alive and not ready.
    """
    opening = _Opening(opened, service)
    async with watched(settings, service=service, telemetry=telemetry, ready=opening.ready):
        await opening.run(stopping)


@final
class _Opening:
    def __init__(
        self, opened: Callable[[], AbstractAsyncContextManager[Consumer]], service: str
    ) -> None:
        self._opened = opened
        self._service = service
        self._consumer: Consumer | None = None
        self._why = "not asked yet"

    async def run(self, stopping: anyio.Event) -> None:
        backoff = Backoff(first_s=FIRST_WAIT_S, most_s=MOST_WAIT_S)
        while not stopping.is_set():
            try:
                async with self._opened() as self._consumer:
                    await self._consumer.loop.run(stopping)
            except Unavailable as error:
                self._why = error.detail
                where = {"consumer": self._service, "where": "start", "detail": error.detail}
                log.warning("consumer.waiting", extra=where)
                with anyio.move_on_after(backoff.following()):
                    await stopping.wait()
            finally:
                self._consumer = None

    async def ready(self) -> Readiness:
        if self._consumer is not None:
            return await self._consumer.ready()
        missing = Dependency(name="postgres", ok=False, required=True, detail=self._why)
        return Readiness(dependencies=[missing])
