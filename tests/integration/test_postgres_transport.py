"""Reading the log as a transport: nothing passed over, one reader at a time, takeover."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import anyio
import orjson
import pytest

from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.groups import PostgresLogGroups
from sfm_core.adapters.postgres.pool import Pool, connect, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.log.following import Wakes
from sfm_core.testing.writes import an_upsert, written
from sfm_events.codec import decode
from sfm_events.listening import Deaf
from sfm_events.loop import ConsumerLoop
from sfm_events.policy import LoopPolicy
from sfm_events.ports import Delivered
from sfm_events.testing.contracts import nexts, taken
from sfm_events.transports.postgres import (
    LOG,
    NotedLetters,
    PostgresSource,
    PostgresTransport,
    ReaderPolicy,
)
from tests.servers.workers import service, until
from tests.servers.writers import OpenWrite

pytestmark = pytest.mark.integration


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=6) as opened:
        await PostgresStore(opened).apply("a", [an_upsert("0")])
        yield opened


async def test_a_position_waits_for_a_lower_one_of_any_namespace(
    fresh_database: str, pool: Pool
) -> None:
    await check_a_late_commit(fresh_database, pool)


async def check_a_late_commit(dsn: str, pool: Pool) -> None:
    store = PostgresStore(pool)
    await store.apply("b", [an_upsert("0")])
    async with PostgresTransport(PostgresLogGroups(pool)).source("g") as source:
        await taken(source, 2)
        async with OpenWrite(dsn, "a") as slow:
            await slow.enter()
            late = await slow.draw("7")
            quick = written(await store.apply("b", [an_upsert("8")])).position
            assert late < quick
            early = await source.fetch(limit=10, wait_s=0.1)
            assert early == {}, "passed over what is still under way"
            await slow.commit()
        assert [record.offset for record in await taken(source, 2)] == [late, quick]


async def test_locks_of_other_programs_do_not_hold_the_log_up(
    fresh_database: str, pool: Pool
) -> None:
    """Two-key advisory locks are anybody's; a position's is told by its first key."""
    other = await connect(fresh_database)
    await other.execute("SELECT pg_advisory_lock(7, 0), pg_advisory_lock(hashtext('a'), 0)")
    try:
        async with PostgresTransport(PostgresLogGroups(pool)).source("g") as source:
            assert len(await taken(source, 1)) == 1
        page = await PostgresEvents(pool).page("a", after=0, limit=9)
        assert len(page.events) == 1
    finally:
        await other.close()


async def test_a_look_at_many_namespaces_reads_little_more_than_it_gives(pool: Pool) -> None:
    async with pool.scoped("*") as connection:
        await connection.execute(
            "INSERT INTO namespaces (name) SELECT 'n' || i FROM generate_series(1, 40) AS i"
        )
        await connection.execute(
            "INSERT INTO memory_events"
            " (namespace, event_id, memory_id, coord, type, version, at, xid)"
            " SELECT 'n' || i, gen_random_uuid(), gen_random_uuid(), '1', 'deleted', 1, now(), 1"
            " FROM generate_series(1, 200) AS j, generate_series(1, 40) AS i"
        )
        await connection.execute("ANALYZE")
    sql = load_queries("groups")["read_all"]
    async with pool.paged("*") as connection:
        [[text]] = await connection.fetch(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", 1, 10**6, 50, 10**6
        )
    assert read_of_the_log(orjson.loads(text)[0]["Plan"]) <= 4 * 50 + 41
    found = await PostgresLogGroups(pool).read(after=1, limit=50)
    positions = [one.event.position for one in found]
    assert positions == list(range(2, 52))


def read_of_the_log(plan: dict[str, Any]) -> float:
    """Rows of `memory_events` that a plan looked at."""
    own = plan["Actual Rows"] * plan["Actual Loops"] if plan.get("Alias") == LOG.topic else 0.0
    return float(own) + sum(read_of_the_log(part) for part in plan.get("Plans", ()))


async def test_one_member_reads_and_the_next_takes_over_in_order(pool: Pool) -> None:
    transport = PostgresTransport(PostgresLogGroups(pool))
    async with transport.source("g") as second:
        async with transport.source("g") as first:
            await first.commit(nexts(await taken(first, 1)))
            assert await second.fetch(limit=10, wait_s=0.05) == {}
            assert not second.owned()
        await PostgresStore(pool).apply("a", [an_upsert("1")])
        [record] = await taken(second, 1)
    assert decode(record.value or b"").version == 1


async def test_a_member_that_fell_silent_commits_nothing_any_more(pool: Pool) -> None:
    groups, policy = PostgresLogGroups(pool), ReaderPolicy(session_s=0.05)
    silent = PostgresSource(groups, "g", Deaf(), policy)
    async with PostgresTransport(groups, policy=policy).source("g") as next_one:
        held = await taken(silent, 1)
        again = await taken(next_one, 1)
        assert [one.offset for one in again] == [one.offset for one in held]
        assert await silent.commit(nexts(held)) == {LOG}
        assert not silent.owned()
        assert await next_one.commit(nexts(again)) == set()


async def test_the_loop_over_the_log_handles_what_is_written_at_once(pool: Pool) -> None:
    """With the policy's poll far away: the commit of this process wakes it."""
    wakes, store = Wakes(), PostgresStore(pool)
    handled: list[int] = []

    class Handled:
        async def handle(self, events: Sequence[Delivered]) -> None:
            handled.extend(one.event.position or 0 for one in events)

    transport = PostgresTransport(
        PostgresLogGroups(pool),
        listening=wakes.watching_all,
        policy=ReaderPolicy(session_s=180.0, poll_s=60.0),
    )
    stopping = anyio.Event()
    with anyio.fail_after(20):
        async with transport.source("g") as source, anyio.create_task_group() as tasks:
            loop = ConsumerLoop(
                name="test",
                source=source,
                handler=Handled(),
                producer=NotedLetters(),
                policy=LoopPolicy(poll_s=60.0),
            )
            tasks.start_soon(loop.run, stopping)
            while len(handled) < 1:  # noqa: ASYNC110 - of a server
                await anyio.sleep(0.01)
            position = written(await store.apply("a", [an_upsert("1")])).position
            wakes.wake("a")
            while position not in handled:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    assert handled == sorted(set(handled))


async def test_the_vector_indexer_works_without_kafka(fresh_database: str) -> None:
    """A process of its own, with neither Kafka nor a vector store: it embeds what has no vector."""
    async with open_pool(fresh_database, size=2) as pool:
        store = PostgresStore(pool)
        bare = replace(an_upsert("1", text="green tea"), vector=None, model_revision=None)
        await store.apply("a", [bare])

        def embed() -> int:
            with service("sfm_vector_indexer", POSTGRES_URL=fresh_database) as indexer:
                until(lambda: indexer.metric("sfm_indexed_texts_total") == 1.0)
                return indexer.stop()

        assert await anyio.to_thread.run_sync(embed) == 0
        assert (await store.stats("a")).pending_index == 0
