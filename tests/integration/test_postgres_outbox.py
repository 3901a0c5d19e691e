"""The outbox under concurrent writers: what was committed is published, whenever it was."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import uuid4

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


async def test_what_a_relay_claimed_that_died_is_published_when_its_lease_is_over(
    pool: Pool,
) -> None:
    outbox, published = PostgresOutbox(pool), Published()
    assert await outbox._claimed(uuid4(), limit=10, lease_s=0.5)
    assert await outbox.relay(published, limit=10) == 0
    with anyio.fail_after(20):
        while not await outbox.relay(published, limit=10):  # noqa: ASYNC110 - of a server
            await anyio.sleep(0.05)
    assert published.positions == [1]


async def test_feeds_move_on_while_a_claim_is_published(pool: Pool) -> None:
    """A transaction that stays open would keep the token of every change feed where it is."""
    store, tokens = PostgresStore(pool), list[int]()

    async def publish(_: Sequence[Unsent]) -> None:
        tokens.append(await store.token())
        await store.apply("a", [an_upsert("1")])
        tokens.append(await store.token())

    await PostgresOutbox(pool).relay(publish, limit=10)
    assert tokens[0] < tokens[1]


async def test_a_mark_does_not_wait_for_an_erasure(fresh_database: str, pool: Pool) -> None:
    """It stands between two of its steps; when it is rolled back, the events come again."""
    outbox, published = PostgresOutbox(pool), Published()
    other = await connect(fresh_database)
    erasing = other.transaction()

    async def publish(unsent: Sequence[Unsent]) -> None:
        await published(unsent)
        await erasing.start()
        await other.execute("SELECT set_config('sfm.namespace', '*', true)")
        await other.execute("DELETE FROM memory_events")

    with anyio.fail_after(1.5):
        assert await outbox.relay(publish, limit=10) == 1
    await erasing.rollback()
    await other.close()
    assert await outbox.relay(published, limit=10) == 1
    assert published.positions == [1, 1]


async def test_rows_that_something_else_wrote_are_told_without_a_state(pool: Pool) -> None:
    async with pool.scoped("*") as connection:
        await connection.execute(
            "INSERT INTO memory_events"
            " (namespace, event_id, memory_id, coord, type, version, at, body, xid)"
            " SELECT 'a', gen_random_uuid(), gen_random_uuid(), coord, type, 1, now(),"
            " body::json, 1 FROM (VALUES ('1', 'unheard of', NULL), ('1', 'created', '[3]'),"
            """ ('no place', 'deleted', NULL), ('1', 'created', '{"payload": {}}'))"""
            " AS odd (coord, type, body)"
        )
    await PostgresStore(pool).apply("a", [an_upsert("1")])
    outbox, published = PostgresOutbox(pool), Published()
    assert await outbox.relay(published, limit=10) == 6
    assert [one.event.memory is None for one in published.found] == [False, *[True] * 4, False]
    assert await outbox.relay(published, limit=10) == 0
    async with pool.scoped("*") as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox_claims") == 0


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
        plan = await connection.fetch(
            f"EXPLAIN {load_queries('outbox')['claim']}", 500, 9, uuid4(), 9.0
        )
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan using memory_events_unsent" in text
    assert "Seq Scan on memory_events" not in text


async def test_a_claim_reads_that_index_before_anything_was_analysed(pool: Pool) -> None:
    await PostgresStore(pool).apply("a", [an_upsert(str(n)) for n in range(1000)])
    sql = load_queries("outbox")
    async with pool.unscoped() as connection, connection.transaction():
        await connection.execute(sql["enter"])
        plan = await connection.fetch(f"EXPLAIN {sql['claim']}", 500, 9, uuid4(), 9.0)
    assert "Index Scan using memory_events_unsent" in "\n".join(row[0] for row in plan)
