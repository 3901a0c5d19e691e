"""The service put together: dependencies opened, events handled until told to stop."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import anyio

from sfm_core.factory import open_worker
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry
from sfm_core.runtime.tracing import Tracing
from sfm_events.consuming import Consumer, consume, open_loop
from sfm_events.transports.kafka import KafkaTransport
from sfm_kv_writer.handler import KvWriter
from sfm_kv_writer.settings import KvWriterSettings

SERVICE: Final = "kv-writer"


async def run(settings: KvWriterSettings, stopping: anyio.Event, *, tracing: Tracing) -> None:
    """Apply foreign events until `stopping` is set, then finish what is in hand and close.

    Raises:
        Misconfigured: Kafka or PostgreSQL refuses us, the address of the probes is in use, the
            schema is another version's, or the model's files are wrong.
    """
    telemetry = open_telemetry()
    await consume(
        partial(_opened, settings, telemetry, tracing),
        stopping,
        service=SERVICE,
        settings=settings.worker,
        telemetry=telemetry,
    )


@asynccontextmanager
async def _opened(
    settings: KvWriterSettings, telemetry: PrometheusTelemetry, tracing: Tracing
) -> AsyncGenerator[Consumer]:
    transport = await KafkaTransport.connect(settings.kafka)
    worker_of = open_worker(
        settings.core, embeds=False, indexes=False, telemetry=tracing.observing(telemetry)
    )
    async with worker_of as worker, transport.producer() as producer:
        handler = KvWriter(
            inbox=worker.stores.inbox,
            info=worker.embedder.info,
            producer=producer,
            clock=worker.clock,
            link_wait_s=settings.worker.link_wait_seconds,
            telemetry=worker.telemetry,
        )
        async with open_loop(
            SERVICE,
            transport=transport,
            handler=handler,
            settings=settings.consumer,
            grace_s=settings.worker.shutdown_grace_seconds,
            telemetry=telemetry,
            tracing=tracing,
        ) as loop:
            yield Consumer(loop, worker.dependencies, lambda: transport.remarks)
