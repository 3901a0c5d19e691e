"""The service put together: dependencies opened, events handled until told to stop."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import anyio

from sfm_core.factory import open_worker
from sfm_core.reconcile.indexing import Indexing
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry
from sfm_core.runtime.tracing import Tracing
from sfm_events.consuming import Consumer, consume, open_loop
from sfm_events.transports.kafka import KafkaTransport
from sfm_events.transports.postgres import PostgresTransport
from sfm_vector_indexer.handler import VectorIndexer
from sfm_vector_indexer.settings import VectorIndexerSettings

SERVICE: Final = "vector-indexer"


async def run(settings: VectorIndexerSettings, stopping: anyio.Event, *, tracing: Tracing) -> None:
    """Embed and index until `stopping` is set, then finish what is in hand and close.

    Without Kafka it reads the log of the record store itself.

    Raises:
        Misconfigured: a server refuses us, the address of the probes is in use, the schema is
            another version's, the model's files are wrong, or Qdrant is not to be used as
            the settings say.
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
    settings: VectorIndexerSettings, telemetry: PrometheusTelemetry, tracing: Tracing
) -> AsyncGenerator[Consumer]:
    kafka = await KafkaTransport.connect(settings.kafka) if settings.kafka.uses_kafka else None
    async with open_worker(settings.core, telemetry=tracing.observing(telemetry)) as worker:
        embedder = worker.embedder
        telemetry.gauge("embedder_queue_texts", lambda: float(embedder.statistics().waiting))
        indexing = Indexing(
            records=worker.stores.records,
            mender=worker.stores.digests,
            embedder=embedder,
            vectors=worker.vectors,
        )
        handler = VectorIndexer(
            indexing=indexing,
            vectors=worker.vectors,
            eraser=worker.stores.eraser,
            telemetry=worker.telemetry,
        )
        async with open_loop(
            SERVICE,
            transport=kafka or PostgresTransport(worker.stores.groups),
            handler=handler,
            settings=settings.consumer,
            grace_s=settings.worker.shutdown_grace_seconds,
            telemetry=telemetry,
            tracing=tracing,
        ) as loop:
            remarks = (lambda: kafka.remarks) if kafka is not None else tuple
            yield Consumer(loop, worker.dependencies, remarks)
