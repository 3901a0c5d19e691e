"""How fast consumers that were away catch up, beside how fast memories come in meanwhile.

    python -m benchmarks.pipeline.catchup [--backlog 5000] [--embedders hash,onnx]

For each embedder a PostgreSQL, a Kafka and Qdrant's engine, and the services as processes over
them. While no consumer runs, memories are stored by REST in batches, which is the ingest; then the
vector-indexer is started and has their events to look at. As many foreign events are published;
the kv-writer is started, and then the vector-indexer again, which has to embed what they made. A
rate is of the events between the first and the last look at a consumer that showed progress, so it
has no start in it.
"""

import argparse
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

import anyio
import httpx
import psutil

from benchmarks.pipeline.report import Cell, Table
from benchmarks.pipeline.running import alone, scratch
from benchmarks.service.material import material
from scripts.stack.kafka import provide_topics
from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.model import EventType
from sfm_events.codec import encode, key_of
from sfm_events.event import MemoryEvent
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.ports import Message
from sfm_events.relay import Relay
from sfm_events.transports.kafka import KafkaTransport
from sfm_standalone.postgres import EmbeddedPostgres
from tests.servers.kafka_nodes import kafka
from tests.servers.qdrant import qdrant
from tests.servers.workers import ServiceProcess, service

NAMESPACE: Final = "catch-up"
TOPIC: Final = "memory.events"
TOKEN: Final = secrets.token_urlsafe(24)
BATCH: Final = 250
IN_FLIGHT: Final = 2
LOOK_S: Final = 0.1
WITHIN_S: Final = 300.0
PARTITIONS: Final = 6


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a process was, and what it had used."""

    at: float
    done: float
    cpu_s: float
    store_cpu_s: float
    """The vector store's."""


def pace(looks: Sequence[Progress]) -> dict[str, float]:
    """Events a second, and CPU microseconds an event, from the first progress to the last.

    Raises:
        ValueError: it was seen at fewer than two numbers; take more events.
    """
    moving = [
        look
        for before, look in zip([None, *looks], looks, strict=False)
        if look.done and (before is None or look.done > before.done)
    ]
    if len(moving) < 2:
        raise ValueError("too few events to tell a rate")
    first, last = moving[0], moving[-1]
    events = last.done - first.done
    return {
        "per_s": events / (last.at - first.at),
        "cpu_us": 1e6 * (last.cpu_s - first.cpu_s) / events,
        "store_cpu_us": 1e6 * (last.store_cpu_s - first.store_cpu_s) / events,
    }


async def watched(
    look: Callable[[], float], count: float, *, pid: int, store_pid: int
) -> dict[str, float]:
    """The pace of a process until `look` says `count`."""
    looks: list[Progress] = []
    process, store = psutil.Process(pid), psutil.Process(store_pid)
    with anyio.fail_after(WITHIN_S):
        while not looks or looks[-1].done < count:
            await anyio.sleep(LOOK_S)
            done = await anyio.to_thread.run_sync(look)
            used = [sum(one.cpu_times()[:2]) for one in (process, store)]
            looks.append(Progress(perf_counter(), done, *used))
    return pace(looks)


@contextmanager
def stopped(module: str, env: dict[str, str]) -> Iterator[ServiceProcess]:
    """A service that ends as it should, its offsets committed."""
    with service(module, **env) as running:
        yield running
        running.stop()


@dataclass(frozen=True)
class Bench:
    env: dict[str, str]
    bootstrap: str
    dsn: str
    store_pid: int
    items: list[dict[str, Any]]

    async def ingest(self) -> float:
        """Memories a second, stored by REST; ends when all their events are on the topic."""
        turn = anyio.CapacityLimiter(IN_FLIGHT)
        with stopped("sfm_api", self.env) as api:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            url = await anyio.to_thread.run_sync(lambda: api.url)
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120.0) as client:

                async def send(items: Sequence[dict[str, Any]]) -> None:
                    async with turn:
                        answer = await client.post(
                            f"/v1/{NAMESPACE}/memories:batch", json={"items": items}
                        )
                    answer.raise_for_status()

                await send(self.items[:1])  # the model is loaded, the namespace made
                begun = perf_counter()
                async with anyio.create_task_group() as tasks:
                    for some in batched(self.items[1:], BATCH):
                        tasks.start_soon(send, some)
                took = perf_counter() - begun
        await self.relay()
        return (len(self.items) - 1) / took

    async def relay(self) -> None:
        """Whatever is unsent, to the topic."""
        async with (
            open_pool(self.dsn, size=2) as pool,
            self._transport() as transport,
            transport.producer() as producer,
        ):
            await Relay(outbox=PostgresOutbox(pool), producer=producer, topic=TOPIC).sweep()

    async def publish(self) -> None:
        """Foreign events of the same texts."""
        at = datetime.now(UTC)
        events = [
            MemoryEvent(
                event_id=uuid4(),
                id=uuid4(),
                namespace=NAMESPACE,
                type=EventType.CREATED,
                at=at,
                payload=item["payload"] | {"again": n},
                text=item["text"],
            )
            for n, item in enumerate(self.items)
        ]
        async with self._transport() as transport, transport.producer() as producer:
            for some in batched(events, BATCH):
                await producer.send(
                    [Message(topic=TOPIC, key=key_of(one), value=encode(one)) for one in some]
                )

    async def caught_up(
        self, module: str, metric: str, count: int, **labels: str
    ) -> dict[str, float]:
        with stopped(module, self.env) as consumer:
            await anyio.to_thread.run_sync(lambda: consumer.url)
            return await watched(
                lambda: consumer.metric(metric, **labels),
                count,
                pid=consumer.process.pid,
                store_pid=self.store_pid,
            )

    @asynccontextmanager
    async def _transport(self) -> AsyncGenerator[KafkaTransport]:
        settings = KafkaSettings(
            kafka_bootstrap_servers=(self.bootstrap,), kafka_memory_events_topic=TOPIC
        )
        yield await KafkaTransport.connect(settings)


async def compared(bench: Bench, embedder: str) -> list[dict[str, Cell]]:
    """The ingest, and each consumer beside it."""
    count = len(bench.items)
    ingest = await bench.ingest()
    rows: list[dict[str, Cell]] = []

    def told(what: str, found: dict[str, float]) -> None:
        rows.append(
            {
                "embedder": embedder,
                "catching up": what,
                "events/s": round(found["per_s"]),
                "ingest/s": round(ingest),
                "times the ingest": f"{found['per_s'] / ingest:.1f}",
                "µs of CPU each": round(found["cpu_us"]),
                "of the vector store": round(found["store_cpu_us"]),
            }
        )

    indexed, embedded = "sfm_consumer_handled_total", "sfm_indexed_texts_total"
    told(
        "vector-indexer, vectors there",
        await bench.caught_up("sfm_vector_indexer", indexed, count),
    )
    await bench.publish()
    told(
        "kv-writer, foreign events",
        await bench.caught_up(
            "sfm_kv_writer", "sfm_inbox_events_total", count, acceptance="applied"
        ),
    )
    await bench.relay()
    told(
        "vector-indexer, to embed first",
        await bench.caught_up("sfm_vector_indexer", embedded, count),
    )
    return rows


async def measured(embedder: str, arguments: argparse.Namespace) -> list[dict[str, Cell]]:
    items, _ = material(arguments.data, arguments.backlog)
    with ExitStack() as servers:
        folder = servers.enter_context(scratch())
        node = servers.enter_context(kafka())
        store = servers.enter_context(qdrant())
        async with EmbeddedPostgres.open(folder) as postgres:
            await migrate(postgres.dsn)
            await provide_topics(node.bootstrap, partitions=PARTITIONS)
            env = {
                "POSTGRES_URL": postgres.dsn,
                "KAFKA_BOOTSTRAP_SERVERS": node.bootstrap,
                "KAFKA_MEMORY_EVENTS_TOPIC": TOPIC,
                "QDRANT_URL": store.url,
                "SFM_EMBEDDER": embedder,
                "SOMA_API_TOKEN": TOKEN,
                "SOMA_RATE_LIMIT_MAX": "0",
            }
            bench = Bench(env, node.bootstrap, postgres.dsn, store.pid, items)
            return await compared(bench, embedder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backlog", type=int, default=5_000, help="catch-up: events")
    parser.add_argument("--embedders", default="hash,onnx", help="catch-up: one after the other")


async def tables(arguments: argparse.Namespace) -> list[Table]:
    rows = [
        row
        for embedder in arguments.embedders.split(",")
        for row in await measured(embedder, arguments)
    ]
    about = (
        f"Catching up on {arguments.backlog} events, one process each, beside the ingest by REST "
        f"(batches of {BATCH}) of the same run:"
    )
    return [Table("catch_up", about, rows)]


if __name__ == "__main__":
    alone(__doc__, add_arguments, tables)
