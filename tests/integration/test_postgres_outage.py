"""What happens when PostgreSQL, a connection or a race is lost."""

import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import asyncpg
import pytest

from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import InvalidInput, Unavailable
from sfm_core.model import Receipt, StoreStats
from sfm_core.testing.writes import REVISION, an_upsert, at, written
from sfm_standalone.postgres import EmbeddedPostgres

pytestmark = pytest.mark.integration

PLANT = """
CREATE SEQUENCE planted;
CREATE FUNCTION fail_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('planted') <= {times} THEN
        RAISE EXCEPTION 'planted' USING ERRCODE = '{code}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail_first BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fail_first();
"""


async def run(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def store(fresh_database: str) -> AsyncIterator[PostgresStore]:
    async with open_pool(fresh_database, size=2, acquire_timeout_s=0.3) as pool:
        yield PostgresStore(pool)


@pytest.mark.parametrize("table", ["memory_vectors", "memory_events", "idempotency_keys"])
async def test_a_fault_at_any_step_of_a_write_leaves_nothing_of_it(
    fresh_database: str, store: PostgresStore, table: str
) -> None:
    await run(fresh_database, PLANT.format(times=1, code="23514", table=table))
    receipt = Receipt(key="k", fingerprint=b"f")
    with pytest.raises(InvalidInput):
        await store.apply("a", [an_upsert("1"), an_upsert("2")], receipt=receipt)
    assert await store.stats("a") == StoreStats()
    done = await store.apply("a", [an_upsert("1"), an_upsert("2")], receipt=receipt)
    assert not done.replayed
    assert (await store.stats("a")).total == 2


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_lost_race_is_run_again(
    fresh_database: str, store: PostgresStore, code: str
) -> None:
    await run(fresh_database, PLANT.format(times=2, code=code, table="memory_events"))
    assert written(await store.apply("a", [an_upsert("1")])).version == 1


async def test_a_race_lost_too_often_is_unavailable_and_nothing_is_written(
    fresh_database: str, store: PostgresStore
) -> None:
    await run(fresh_database, PLANT.format(times=99, code="40001", table="memory_events"))
    with pytest.raises(Unavailable):
        await store.apply("a", [an_upsert("1")])
    assert await store.stats("a") == StoreStats()


async def test_a_pool_with_nothing_free_is_unavailable_in_time(store: PostgresStore) -> None:
    with anyio.fail_after(5):
        async with store._pool.unscoped(), store._pool.unscoped():
            with pytest.raises(Unavailable):
                await store.ping()
    await store.ping()


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sfm'"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'sfm' AND wait_event_type = 'Lock'"
)


async def test_idle_connections_that_were_killed_are_replaced(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("1")])
    await run(fresh_database, KILL)
    with anyio.fail_after(5):
        await settled(store.ping)
        assert written(await store.apply("a", [an_upsert("1")])).version == 2


async def test_a_call_whose_backend_is_killed_is_unavailable_and_wrote_nothing(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("1")])
    refused: list[Unavailable] = []

    async def put() -> None:
        with pytest.raises(Unavailable) as caught:
            await store.apply("a", [an_upsert("1")])
        refused.append(caught.value)

    with anyio.fail_after(10):
        async with locked_row(fresh_database) as other, anyio.create_task_group() as tasks:
            tasks.start_soon(put)
            while not await other.fetchval(WAITING):
                await anyio.lowlevel.checkpoint()
            await other.fetch(KILL)
        await settled(store.ping)
        assert written(await store.apply("a", [an_upsert("1")])).version == 2
    assert len(refused) == 1


@asynccontextmanager
async def locked_row(dsn: str) -> AsyncGenerator["asyncpg.Connection[Any]"]:
    """Somebody else's transaction that holds the memory at 1 in `a`."""
    other = await asyncpg.connect(dsn)
    try:
        async with other.transaction():
            await other.fetchrow(load_queries("writes")["enter_single"], "a")
            assert len(await other.fetch(load_queries("writes")["hold"], "a", ["1"])) == 1
            yield other
    finally:
        await other.close()


async def settled(call: Callable[[], Awaitable[object]], *, attempts: int = 3) -> None:
    """At most one `Unavailable` for each connection that was lost; nothing else."""
    for _ in range(attempts):
        try:
            await call()
        except Unavailable:
            continue
        return
    raise AssertionError("did not come back")


async def test_a_dead_server_is_unavailable_at_once_and_its_return_is_noticed(
    postgres_server: object, tmp_path: Path
) -> None:
    """On a server of its own, which its keeper starts again."""
    del postgres_server  # where that one cannot run, this one cannot either
    async with EmbeddedPostgres.open(tmp_path, settings={"fsync": "off"}) as server:
        await migrate(server.dsn)
        async with open_pool(server.dsn, size=3, acquire_timeout_s=2) as pool:
            store = PostgresStore(pool)
            await store.apply("a", [an_upsert("1")])
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            refused = 0
            with anyio.fail_after(20):
                while server.restarts == 0 or refused == 0:
                    with anyio.fail_after(5):
                        try:
                            await store.ping()
                        except Unavailable:
                            refused += 1
                    await anyio.sleep(0.01)  # paces the asking; nothing rests on it
                await settled(store.ping, attempts=4)
            assert written(await store.apply("a", [an_upsert("1")])).version == 2


async def test_a_frozen_connection_is_unavailable_within_its_timeout(fresh_database: str) -> None:
    """A row that somebody else has locked stands for a server that does not come back."""
    async with open_pool(fresh_database, size=2, command_timeout_s=0.3) as pool:
        store = PostgresStore(pool)
        await store.apply("a", [an_upsert("1")])
        with anyio.fail_after(5):
            async with locked_row(fresh_database):
                with pytest.raises(Unavailable):
                    await store.apply("a", [an_upsert("1")])
                assert await store.last_version("a", at("1")) == 1
        assert written(await store.apply("a", [an_upsert("1")])).version == 2


async def test_a_cancelled_call_gives_its_connection_back_clean(fresh_database: str) -> None:
    async with open_pool(fresh_database, size=1) as pool:
        store = PostgresStore(pool)
        for delay_s in (0.0, 0.0005, 0.001, 0.002, 0.004):
            with anyio.move_on_after(delay_s):
                await store.apply("a", [an_upsert("1"), an_upsert("2")])
            assert set(await store.get("b", [at("1")])) == set()
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        versions = {m.version for m in (await store.get("a", [at("1"), at("2")])).values()}
        assert len(versions) == 1
        rows = [row async for page in store.load("a", model_revision=REVISION) for row in page]
        assert len(rows) == 2


async def test_a_server_that_became_read_only_is_an_outage_for_writes_alone(
    fresh_database: str,
) -> None:
    async with open_pool(fresh_database, size=2) as pool:
        await PostgresStore(pool).apply("a", [an_upsert("1")])
    name = urlsplit(fresh_database).path.lstrip("/")
    await run(fresh_database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    async with open_pool(fresh_database, size=2) as pool:  # as after a failover to a standby
        store = PostgresStore(pool)
        with pytest.raises(Unavailable):
            await store.apply("a", [an_upsert("1")])
        assert set(await store.get("a", [at("1")])) == {at("1")}
