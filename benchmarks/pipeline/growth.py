"""What one more event costs when there are a hundred thousand in the log, and when a million.

    python -m benchmarks.pipeline.growth [--log-events 1000000] [--steps 10]

One namespace over one PostgreSQL. Before each step the log is filled up by one statement, five
versions of each memory, and vacuumed as autovacuum would in time. Then every stage works on some
thousand new events, each stage alone: microseconds an event by the clock, of this process, and of
all of PostgreSQL. The audit is of the whole namespace, so its cost is told for each memory there.
"""

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import Final
from uuid import uuid4

import anyio
import anyio.lowlevel
import asyncpg

from benchmarks.pipeline.meter import Moment
from benchmarks.pipeline.report import Cell, Table, growth
from benchmarks.pipeline.running import alone, scratch
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.groups import PostgresLogGroups
from sfm_core.adapters.postgres.inbox import PostgresInbox
from sfm_core.adapters.postgres.ledger import PostgresLedger
from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.model import EventType
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.writes import a_vector, an_upsert
from sfm_events.codec import decode
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered, Message, Partition, Record
from sfm_events.relay import Relay
from sfm_kv_writer.handler import KvWriter
from sfm_standalone.postgres import EmbeddedPostgres

FILL: Final = Path(__file__).with_name("growth.sql").read_text("utf-8")
NAMESPACE: Final = "growth"
INFO: Final = HashEmbedder().info
TEXT: Final = "Ada said that the tea in the garden was better than that of the harbour."
VERSIONS: Final = 5
BATCH: Final = 500
AGAIN: Final = 5
"""So often what only reads is done: one time is too short to be told."""
AUDIT: Final = "parity audit, per memory"


@dataclass(frozen=True, slots=True)
class Step:
    """New events of one step, by stage; as many as the log grows by are filled in."""

    number: int
    fill: int
    unsent: int = 10_000
    stored: int = 4_000
    foreign: int = 1_000


class Kept:
    """A `Producer` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, messages: Sequence[Message]) -> None:
        self.messages += messages
        await anyio.lowlevel.checkpoint()


class Stages:
    """Each is given the step, and says for how many events it worked."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._store = PostgresStore(pool)
        self._outbox = PostgresOutbox(pool)
        self._groups = PostgresLogGroups(pool)
        self._digests, self._ledger = PostgresDigests(pool), PostgresLedger(pool)
        self._writer = KvWriter(
            inbox=PostgresInbox(pool), info=INFO, producer=Kept(), clock=SystemClock()
        )
        self._token = 0
        self._head = 0
        self._relayed: list[Message] = []

    def all(self) -> Mapping[str, Callable[[Step], Awaitable[int]]]:
        """In the order in which they are to work."""
        return {
            "store, batches of 500": self.store,
            "change feed": self.feed,
            "kv-writer, foreign events": self.foreign,
            "log read by position": self.log,
            "outbox claim and relay": self.relay,
            "kv-writer, own events": self.own,
            AUDIT: self.audit,
        }

    async def begin(self, head: int) -> None:
        """What is new is what comes after this."""
        self._token = await self._store.token()
        self._head = head

    async def store(self, step: Step) -> int:
        names = [f"{step.number},{n},1" for n in range(step.stored)]
        for some in batched(names, BATCH):
            writes = [
                an_upsert(
                    name,
                    text=f"{TEXT} {name}",
                    vector=a_vector(n, dim=INFO.dim),
                    model_revision=INFO.model_revision,
                    content_key=hash(name),
                )
                for n, name in enumerate(some)
            ]
            await self._store.apply(NAMESPACE, writes)
        return step.stored

    async def feed(self, step: Step) -> int:
        for _ in range(AGAIN):
            changes = await self._store.changes(
                self._token, [NAMESPACE], model_revision=INFO.model_revision
            )
            assert len(changes.rows) == step.stored
        return AGAIN * step.stored

    async def foreign(self, step: Step) -> int:
        at = datetime.now(UTC)
        events = [
            MemoryEvent(
                event_id=uuid4(),
                id=uuid4(),
                namespace=NAMESPACE,
                type=EventType.CREATED,
                at=at,
                payload={"said": f"{TEXT} {n}", "step": step.number},
            )
            for n in range(step.foreign)
        ]
        await self._handled(events)
        return step.foreign

    async def log(self, step: Step) -> int:
        behind, read = self._head - step.unsent, 0
        while page := await self._groups.read(after=behind, limit=BATCH):
            behind = page[-1].event.position
            read += len(page)
        return read

    async def relay(self, step: Step) -> int:
        del step
        kept = Kept()
        done = await Relay(outbox=self._outbox, producer=kept, topic="bench").sweep()
        self._relayed = kept.messages
        return done

    async def own(self, step: Step) -> int:
        del step
        for some in batched(self._relayed, BATCH):
            await self._handled([decode(message.value) for message in some])
        return len(self._relayed)

    async def audit(self, step: Step) -> int:
        del step
        counted = 0
        for _ in range(AGAIN):
            sums = await self._ledger.sums(NAMESPACE, model_revision=INFO.model_revision)
            memories = await self._digests.memories(NAMESPACE)
            await self._digests.tombstones(NAMESPACE)
            assert sums.points.count == memories.count
            counted += memories.count
        return counted

    async def _handled(self, events: Sequence[MemoryEvent]) -> None:
        at = datetime.now(UTC)
        for some in batched(events, BATCH):
            await self._writer.handle(
                [
                    Delivered(
                        record=Record(
                            partition=Partition("bench", 0),
                            offset=n,
                            key=None,
                            value=None,
                            headers=(),
                            at=at,
                        ),
                        event=event,
                    )
                    for n, event in enumerate(some)
                ]
            )


async def filled(connection: "asyncpg.Connection[asyncpg.Record]", step: Step) -> int:
    """Fill the log up before a step; the highest position then."""
    head = int(await connection.fetchval("SELECT last_value FROM memory_log"))
    memories = step.fill // VERSIONS
    first = step.number * memories
    await connection.execute(
        FILL, NAMESPACE, first, memories, VERSIONS, head, step.unsent, INFO.model_revision
    )
    head += memories * VERSIONS
    await connection.execute("SELECT setval('memory_log', $1)", head)
    await connection.execute("VACUUM (ANALYZE) memories, memory_events, memory_vectors")
    return head


async def measured(postgres: EmbeddedPostgres, steps: Sequence[Step]) -> list[dict[str, Cell]]:
    """Each stage of each step."""
    rows: list[dict[str, Cell]] = []
    await migrate(postgres.dsn)
    connection = await asyncpg.connect(postgres.dsn, timeout=10.0, command_timeout=300.0)
    try:
        await connection.execute("SELECT set_config('sfm.namespace', '*', false)")
        await connection.execute("INSERT INTO namespaces (name) VALUES ($1)", NAMESPACE)
        async with open_pool(postgres.dsn, size=4, command_timeout_s=60.0) as pool:
            stages = Stages(pool)
            for step in steps:
                await stages.begin(await filled(connection, step))
                log = await connection.fetchval("SELECT count(*) FROM memory_events")
                for name, stage in stages.all().items():
                    before = Moment.now()
                    events = await stage(step)
                    took = Moment.now().since(before).per(events)
                    rows.append({"log": log, "stage": name, "events": events, **took})
    finally:
        await connection.close()
    return rows


def by_stage(rows: Sequence[Mapping[str, Cell]]) -> list[dict[str, Cell]]:
    """A row for each stage: processor µs an event at each size of the log, and how that grew."""
    found: list[dict[str, Cell]] = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == stage]
        costs = [float(row["own_us"]) + float(row["postgres_us"]) for row in own]
        clock = [float(row["wall_us"]) for row in own]
        sizes = {
            f"{int(row['log']) // 1000}k": round(cost) for row, cost in zip(own, costs, strict=True)
        }
        times = {"last / first": f"{growth(costs):.2f}", "by the clock": f"{growth(clock):.2f}"}
        found.append({"µs of CPU an event": stage, **sizes, **times})
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log-events", type=int, default=1_000_000, help="growth: at the end")
    parser.add_argument("--steps", type=int, default=10, help="growth: sizes of the log")


async def tables(arguments: argparse.Namespace) -> list[Table]:
    fill = arguments.log_events // arguments.steps
    steps = [Step(number, fill) for number in range(arguments.steps)]
    with scratch() as folder:
        async with EmbeddedPostgres.open(folder) as postgres:
            rows = await measured(postgres, steps)
    about = "What one more event costs as the log grows: CPU of this process and of PostgreSQL, µs."
    return [
        Table("growth", about, by_stage(rows)),
        Table("growth_raw", "The same, each part.", rows, shown=False),
    ]


if __name__ == "__main__":
    alone(__doc__, add_arguments, tables)
