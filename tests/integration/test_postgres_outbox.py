"""The outbox under concurrent writers: what was committed is published, whenever it was."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import anyio
import pytest

from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import Pool, connect, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import Unavailable
from sfm_core.model import Delete
from sfm_core.ports.outbox import Unsent
from sfm_core.testing.contracts_outbox import Published
from sfm_core.testing.writes import an_upsert, at, written
from tests.servers.writers import OpenWrite

pytestmark = pytest.mark.integration


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=10) as opened:
        await PostgresStore(opened).apply("a", [an_upsert("0")])
        yield opened


async def test_a_position_that_is_committed_later_is_published_too(
    fresh_database: str, pool: Pool
) -> None:
    await check_a_late_commit(fresh_database, pool)


async def check_a_late_commit(dsn: str, pool: Pool) -> None:
    """Two transactions: the one with the later position commits first."""
    store, outbox, published = PostgresStore(pool), PostgresOutbox(pool), Published()
    async with OpenWrite(dsn, "a") as slow:
        await slow.enter()
        late = await slow.draw("7")
        quick = written(await store.apply("a", [an_upsert("8")])).position
        assert late < quick
        await outbox.relay(published, limit=10)
        assert published.positions[-1] == quick
        await slow.commit()
    await outbox.relay(published, limit=10)
    assert late in published.positions, "a committed event is never published"


class Storm:
    """Writers, and relays whose publishing fails now and then, before or after it was done."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.chance = random.Random(seed)
        self.store, self.outbox = PostgresStore(pool), PostgresOutbox(pool)
        self.topic: list[Unsent] = []
        self.writing = 4

    async def publish(self, unsent: Sequence[Unsent]) -> None:
        await anyio.sleep(self.chance.random() * 0.002)
        fate = self.chance.random()
        if fate >= 0.2:
            self.topic.extend(unsent)
        if fate < 0.4:
            raise Unavailable("the broker is away, or its answer was lost")

    async def write(self, number: int) -> None:
        for _ in range(25):
            place = str(self.chance.randrange(6))
            gone = self.chance.random() < 0.2
            change = Delete(coordinate=at(place)) if gone else an_upsert(place)
            await self.store.apply(f"n{number % 2}", [change])
        self.writing -= 1

    async def relay(self) -> None:
        while self.writing or (await self.outbox.backlog())[0]:
            with suppress(Unavailable):
                await self.outbox.relay(self.publish, limit=self.chance.randint(1, 9))

    async def run(self) -> None:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for number in range(self.writing):
                    tasks.start_soon(self.write, number)
                for _ in range(3):
                    tasks.start_soon(self.relay)

    def first_versions(self) -> Sequence[list[int]]:
        """Of each memory, its versions in the order in which they first were on the topic."""
        found: defaultdict[object, dict[int, None]] = defaultdict(dict)
        for one in self.topic:
            found[one.event.memory_id].setdefault(one.event.version)
        return [list(versions) for versions in found.values()]


async def test_writers_and_relays_at_once_lose_nothing_and_keep_each_memorys_order(
    pool: Pool,
) -> None:
    seed = random.randrange(2**32)
    storm = Storm(pool, seed)
    await storm.run()
    for versions in storm.first_versions():
        assert versions == list(range(1, len(versions) + 1)), f"seed {seed}"


async def test_a_relay_that_dies_gives_its_claim_back(fresh_database: str, pool: Pool) -> None:
    outbox, published = PostgresOutbox(pool), Published()

    async def is_killed(unsent: Sequence[Unsent]) -> None:
        await published(unsent)
        other = await connect(fresh_database)
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        await other.close()

    with pytest.raises(Unavailable):
        await outbox.relay(is_killed, limit=10)
    assert await outbox.relay(published, limit=10) == 1
    assert published.positions == [1, 1]


async def test_the_backlog_is_guessed_where_it_is_long(pool: Pool) -> None:
    outbox = PostgresOutbox(pool)
    async with pool.scoped("*") as connection:
        await connection.execute(
            "INSERT INTO memory_events"
            " (namespace, event_id, memory_id, coord, type, version, at, xid)"
            " SELECT 'a', gen_random_uuid(), gen_random_uuid(), '1', 'deleted', 1, now(), 1"
            " FROM generate_series(1, 12000)"
        )
        assert (await outbox.backlog())[0] >= 10_000
        await connection.execute("ANALYZE memory_events")
    assert 11_000 <= (await outbox.backlog())[0] <= 13_000


async def test_a_claim_reads_the_index_of_the_unsent(pool: Pool) -> None:
    """However many events there were: twenty thousand that are sent, ten that are not."""
    async with pool.scoped("*") as connection:
        await connection.execute(
            "INSERT INTO memory_events"
            " (namespace, event_id, memory_id, coord, type, version, at, xid, sent_at)"
            " SELECT 'a', gen_random_uuid(), gen_random_uuid(), '1', 'deleted', 1, now(), 1,"
            " CASE WHEN n > 10 THEN now() END FROM generate_series(1, 20000) AS n"
        )
        await connection.execute("ANALYZE memory_events")
        plan = await connection.fetch(f"EXPLAIN {load_queries('outbox')['claim']}", 500)
    text = "\n".join(row[0] for row in plan)
    assert text.count("memory_events_unsent") == 2
    assert "Seq Scan on memory_events" not in text
