"""Pages of the log under concurrent writers: no position skipped, none given twice."""

import random
from collections.abc import AsyncIterator

import anyio
import pytest

from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.ports import EventLog
from sfm_core.testing.writes import an_upsert, written
from tests.servers.writers import OpenWrite

pytestmark = pytest.mark.integration

FAST_WRITERS = 8
SLOW_WRITERS = 6
ROUNDS = 12


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=FAST_WRITERS + 2) as opened:
        await PostgresStore(opened).apply("a", [an_upsert("0")])
        yield opened


@pytest.fixture
def store(pool: Pool) -> PostgresStore:
    return PostgresStore(pool)


@pytest.fixture
def log(pool: Pool) -> PostgresEvents:
    return PostgresEvents(pool)


async def positions_behind(log: EventLog, after: int, *, limit: int = 100) -> list[int]:
    page = await log.page("a", after=after, limit=limit)
    return [event.position for event in page.events]


async def test_a_position_waits_for_a_lower_one_that_is_still_under_way(
    fresh_database: str, store: PostgresStore, log: EventLog
) -> None:
    async with OpenWrite(fresh_database, "a") as slow:
        await slow.enter()
        late = await slow.draw("7")
        quick = written(await store.apply("a", [an_upsert("8")])).position
        assert late < quick
        assert await positions_behind(log, 1) == []
        await slow.commit()
    assert await positions_behind(log, 1) == [late, quick]


async def test_a_position_that_was_rolled_back_is_waited_for_no_longer(
    fresh_database: str, store: PostgresStore, log: EventLog
) -> None:
    async with OpenWrite(fresh_database, "a") as slow:
        await slow.enter()
        await slow.draw("7")
        quick = written(await store.apply("a", [an_upsert("8")])).position
        assert await positions_behind(log, 1) == []
        await slow.roll_back()
        assert await positions_behind(log, 1) == [quick]


async def test_an_early_transaction_with_a_late_position_does_not_uncover_a_lower_one(
    fresh_database: str, log: EventLog
) -> None:
    """What a rule by transaction ids alone gets wrong: the lower id has the higher position."""
    async with OpenWrite(fresh_database, "a") as first, OpenWrite(fresh_database, "a") as second:
        await first.enter()
        await second.enter()
        low = await second.draw("2")
        high = await first.draw("1")
        await first.commit()
        assert low < high
        assert await positions_behind(log, 1) == []
        await second.commit()
    assert await positions_behind(log, 1) == [low, high]


async def test_a_write_that_has_not_drawn_yet_holds_back_only_what_comes_after_it(
    fresh_database: str, store: PostgresStore, log: EventLog
) -> None:
    before = written(await store.apply("a", [an_upsert("5")])).position
    async with OpenWrite(fresh_database, "a") as slow:
        await slow.enter()
        after = written(await store.apply("a", [an_upsert("6")])).position
        assert await positions_behind(log, 1) == [before]
        await slow.roll_back()
    assert await positions_behind(log, 1) == [before, after]


async def test_a_slow_write_elsewhere_holds_nothing_back(
    fresh_database: str, store: PostgresStore, log: EventLog
) -> None:
    await store.apply("elsewhere", [an_upsert("0")])
    async with OpenWrite(fresh_database, "elsewhere") as slow:
        await slow.enter()
        await slow.draw("7")
        quick = written(await store.apply("a", [an_upsert("8")])).position
        assert await positions_behind(log, 1) == [quick]


async def test_the_horizon_holds_beyond_two_to_the_31(
    fresh_database: str, pool: Pool, store: PostgresStore, log: EventLog
) -> None:
    async with pool.unscoped() as connection:
        await connection.execute(f"ALTER SEQUENCE memory_log RESTART WITH {2**31 - 2}")
    first = written(await store.apply("a", [an_upsert("5")])).position
    async with OpenWrite(fresh_database, "a") as slow:
        await slow.enter()
        for n in range(4):
            await store.apply("a", [an_upsert(f"6,{n}")])
        late = await slow.draw("7")
        assert late > 2**31
        assert await positions_behind(log, 1) == [first]
        await slow.commit()
    assert len(await positions_behind(log, 1)) == 6


async def test_followers_of_many_writers_see_each_position_once_and_in_order(
    fresh_database: str, store: PostgresStore, log: EventLog
) -> None:
    await FollowingCheck(fresh_database, store, log, seed=random.randrange(10**6)).run()


class FollowingCheck:
    """Two followers see exactly what fast, slow and rolled back writers commit."""

    def __init__(self, dsn: str, store: PostgresStore, log: EventLog, *, seed: int) -> None:
        self._dsn = dsn
        self._store = store
        self._log = log
        self._seed = seed
        self._choice = random.Random(seed)
        self._committed: set[int] = set()
        self._commits = anyio.Condition()
        self._ended = anyio.Event()

    async def run(self) -> None:
        """Fail with the seed unless it is so."""
        start = written(await self._store.apply("a", [an_upsert("0")])).position
        followed: dict[int, list[int]] = {3: [], 1000: []}
        with anyio.fail_after(60):
            async with anyio.create_task_group() as followers:
                for limit, seen in followed.items():
                    followers.start_soon(self._follow, start, limit, seen)
                async with anyio.create_task_group() as writers:
                    for writer in range(FAST_WRITERS):
                        writers.start_soon(self._write_fast, writer)
                    for writer in range(SLOW_WRITERS):
                        writers.start_soon(self._write_slowly, writer)
                self._ended.set()
        assert self._committed
        for limit, seen in followed.items():
            assert seen == sorted(self._committed), f"seed {self._seed}, pages of {limit}"

    async def _write_fast(self, writer: int) -> None:
        for n in range(ROUNDS):
            batch = [
                an_upsert(f"{writer},{n},{i}") for i in range(self._choice.choice((1, 1, 1, 3)))
            ]
            applied = await self._store.apply("a", batch)
            done = [one for one in applied.outcomes if not isinstance(one, Exception)]
            await self._note({one.position for one in done})

    async def _write_slowly(self, writer: int) -> None:
        for n in range(ROUNDS // 4):
            async with OpenWrite(self._dsn, "a") as write:
                await write.enter()
                drawn = {await write.draw(f"-{writer + 1},{n},{i}") for i in range(2)}
                await self._others_commit(self._choice.randrange(12))
                if self._choice.random() < 0.4:
                    await write.roll_back()
                else:
                    await write.commit()
                    await self._note(drawn)

    async def _others_commit(self, more: int) -> None:
        """So many positions, or what there is of them: others may wait for this one, or be done."""
        wanted = len(self._committed) + more
        with anyio.move_on_after(0.3):
            async with self._commits:
                while len(self._committed) < wanted:
                    await self._commits.wait()

    async def _note(self, positions: set[int]) -> None:
        async with self._commits:
            self._committed |= positions
            self._commits.notify_all()

    async def _follow(self, after: int, limit: int, seen: list[int]) -> None:
        is_last = False
        while not is_last:
            is_last, more = self._ended.is_set(), True
            while more:
                page = await self._log.page("a", after=after, limit=limit)
                seen += [event.position for event in page.events]
                after, more = page.position, page.more
