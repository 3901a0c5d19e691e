"""The service put together: dependencies opened, the app over them, served until told to stop."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio

from sfm_api.app import create_app
from sfm_api.settings import ServiceSettings
from sfm_core.assembled import Runtime
from sfm_core.factory import open_runtime
from sfm_core.model import Quota
from sfm_core.runtime.garbage import set_aside
from sfm_core.runtime.http_server import serve_http
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry, watch_loop
from sfm_core.runtime.readiness import Dependency
from sfm_core.runtime.tracing import Tracing
from sfm_events.gauges import show_relay
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.relay import Relay
from sfm_events.transports.kafka import KafkaTransport

log = logging.getLogger(__name__)

CUT_S: Final = 1.0
"""Kept back from the grace period for cutting what did not drain, and for closing."""
LAST_S: Final = 0.5
"""What the relay gets for what was committed last; the rest stays for others."""


async def run(settings: ServiceSettings, stopping: anyio.Event, *, tracing: Tracing) -> None:
    """Serve until `stopping` is set, then drain and close.

    Raises:
        Misconfigured: the address is in use, the schema is another version's, a model is wrong,
            Kafka is not as the settings say.
        Unavailable: PostgreSQL does not answer at the start.
    """
    telemetry = open_telemetry()
    opened = open_runtime(
        settings.core,
        warm_up=True,
        warmed=set_aside,
        telemetry=tracing.observing(telemetry),
        quota=Quota.of(settings.http.rate_limit, settings.http.rate_limit_window_seconds),
    )
    async with opened as runtime, _relaying(settings.kafka, runtime, telemetry) as relays:
        app = create_app(
            runtime,
            settings.http,
            telemetry=telemetry,
            tracing=tracing,
            also=lambda: [_dependency(relay) for relay in relays],
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch_loop, telemetry)
            await serve_http(
                app,
                host=settings.http.http_host,
                port=settings.http.http_port,
                stopping=stopping,
                drain_s=max(0.0, settings.http.shutdown_grace_seconds - CUT_S),
            )
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def _relaying(
    settings: KafkaSettings, runtime: Runtime, telemetry: PrometheusTelemetry
) -> AsyncGenerator[Sequence[Relay]]:
    """A relay at work where Kafka is configured; none where it is not."""
    if not settings.uses_kafka:
        yield ()
        return
    transport = await KafkaTransport.connect(settings)
    async with transport.producer() as producer, anyio.create_task_group() as tasks:
        relay = Relay(
            outbox=runtime.outbox,
            producer=producer,
            topic=settings.kafka_memory_events_topic,
            listening=runtime.wakes.watching_all,
            telemetry=telemetry,
        )
        show_relay(relay, telemetry)
        stopping = anyio.Event()
        tasks.start_soon(relay.run, stopping)
        try:
            yield (relay,)
        finally:
            stopping.set()
            tasks.cancel_scope.deadline = anyio.current_time() + LAST_S


def _dependency(relay: Relay) -> Dependency:
    """Kafka only delays what others learn: writes need it as little as recalls."""
    health = relay.health
    return Dependency(name="kafka", ok=health.ready, required=False, detail=health.detail)
