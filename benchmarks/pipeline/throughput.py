"""How many events a second each stage of the pipeline passes on, each alone, and at what cost.

    python -m benchmarks.pipeline.throughput [--events 20000]

Brings up a PostgreSQL and a Kafka. Prints a table: events a second by the clock, and processor
time of this process for each event (that of the servers is not in it). The stages: storing
memories in batches of 500, which writes the events; relaying them to nowhere, and to Kafka;
reading them with the consumer loop and doing nothing; and as many foreign events, read and applied
by the kv-writer's handler. Every stage runs alone.
"""

import argparse
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import anyio
import anyio.lowlevel

from benchmarks.pipeline.meter import Moment
from benchmarks.pipeline.report import Cell, Table
from benchmarks.pipeline.running import alone, scratch
from sfm_core.adapters.postgres.inbox import PostgresInbox
from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.model import EmbedderInfo, EventType
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.writes import an_upsert
from sfm_events.codec import encode, key_of
from sfm_events.event import MemoryEvent
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Delivered, Handler, Message, Producer
from sfm_events.relay import Relay
from sfm_events.transports.kafka import KafkaTransport
from sfm_kv_writer.handler import KvWriter
from sfm_standalone.postgres import EmbeddedPostgres
from tests.servers.kafka_nodes import kafka

BATCH = 500
TEXT = "Tea at four with Ada, who had just come back from the harbour. " * 4
INFO = EmbedderInfo(name="none", model_revision="none", dim=384, semantic=False, floor=0.0)


class Stages:
    """Each is timed by itself."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Cell]] = []

    async def timed(self, stage: str, events: int, work: Callable[[], Awaitable[object]]) -> None:
        before = Moment.now()
        await work()
        took = Moment.now().since(before)
        per = took.per(events)
        self.rows.append(
            {
                "stage": stage,
                "events/s": round(events / took.wall_s),
                "µs of CPU each": round(per["own_us"]),
                "of PostgreSQL": round(per["postgres_us"]),
                "events/s for each core it uses": round(1e6 / per["own_us"]),
            }
        )


class Nowhere:
    """A `Producer` that forgets."""

    async def send(self, messages: Sequence[Message]) -> None:
        del messages
        await anyio.lowlevel.checkpoint()


class Counted:
    """A `Handler` that counts, after another when there is one."""

    def __init__(self, inner: Handler | None = None) -> None:
        self._inner = inner
        self.count = 0
        self.more = anyio.Event()

    async def handle(self, events: Sequence[Delivered]) -> None:
        if self._inner is not None:
            await self._inner.handle(events)
        self.count += len(events)
        self.more.set()
        self.more = anyio.Event()


async def store(pool: Pool, count: int) -> None:
    store = PostgresStore(pool)
    for start in range(0, count, BATCH):
        writes = [an_upsert(str(n), text=TEXT) for n in range(start, min(start + BATCH, count))]
        await store.apply("bench", writes)


def foreign(count: int) -> list[MemoryEvent]:
    at = datetime.now(UTC)
    return [
        MemoryEvent(
            event_id=uuid4(),
            id=uuid4(),
            namespace="bench",
            type=EventType.CREATED,
            at=at,
            payload={"said": TEXT, "n": n},
        )
        for n in range(count)
    ]


async def send(producer: Producer, topic: str, events: Sequence[MemoryEvent]) -> None:
    for start in range(0, len(events), BATCH):
        await producer.send(
            [
                Message(topic=topic, key=key_of(one), value=encode(one))
                for one in events[start : start + BATCH]
            ]
        )


@asynccontextmanager
async def joined(
    transport: KafkaTransport, handler: Counted
) -> AsyncGenerator[Callable[[int], Awaitable[None]]]:
    """A loop that is ready to run; the given function runs it until so many events are handled."""
    async with transport.producer() as letters, transport.source(secrets.token_hex(4)) as source:
        loop = ConsumerLoop(name="bench", source=source, handler=handler, producer=letters)
        with anyio.fail_after(60):
            while not source.owned():
                for partition, records in (await source.fetch(limit=1, wait_s=0.5)).items():
                    source.rewind(partition, records[0].offset)

        async def read(count: int) -> None:
            stopping = anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(loop.run, stopping)
                while handler.count < count:
                    await handler.more.wait()
                stopping.set()

        yield read


async def measured(
    arguments: argparse.Namespace, folder: Path, bootstrap: str
) -> list[dict[str, Cell]]:
    stages = Stages()
    timed = stages.timed
    count = arguments.events
    topics = [f"bench.{secrets.token_hex(4)}" for _ in range(2)]
    ours, theirs = [
        KafkaSettings(kafka_bootstrap_servers=(bootstrap,), kafka_memory_events_topic=topic)
        for topic in topics
    ]
    async with EmbeddedPostgres.open(folder) as postgres:
        await migrate(postgres.dsn)
        async with open_pool(postgres.dsn, size=8) as pool:
            outbox, inbox = PostgresOutbox(pool), PostgresInbox(pool)
            await timed("store, batches of 500", count, lambda: store(pool, count))
            relay = Relay(outbox=outbox, producer=Nowhere(), topic=topics[0])
            await timed("relay to nowhere", count, relay.sweep)
            await store(pool, count)
            transport = await KafkaTransport.connect(ours)
            async with transport.producer() as producer:
                await producer.send([])
                relay = Relay(outbox=outbox, producer=producer, topic=topics[0])
                await timed("relay to Kafka", count, relay.sweep)
            async with joined(transport, Counted()) as read:
                await timed("consumer loop, no effect", count, lambda: read(count))
            transport = await KafkaTransport.connect(theirs)
            async with transport.producer() as producer:
                await send(producer, topics[1], foreign(count))
            writer = KvWriter(inbox=inbox, info=INFO, producer=Nowhere(), clock=SystemClock())
            async with joined(transport, Counted(writer)) as read:
                await timed("kv-writer, foreign events", count, lambda: read(count))
    return stages.rows


async def tables(arguments: argparse.Namespace) -> list[Table]:
    with scratch() as folder, kafka() as node:
        rows = await measured(arguments, folder, node.bootstrap)
    about = f"Each stage alone, one process, {arguments.events} events of some 500 bytes:"
    return [Table("throughput", about, rows)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=20_000, help="throughput: of each stage")


if __name__ == "__main__":
    alone(__doc__, add_arguments, tables)
