"""Row-level security holds where a condition in the SQL was forgotten."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import NotFound
from sfm_core.model import Delete, Receipt
from sfm_core.testing.writes import an_upsert, at, written
from tests.servers.postgres import TestPostgres

pytestmark = pytest.mark.integration

TABLES = ["memories", "memory_vectors", "memory_events", "idempotency_keys"]
ALL_TABLES = [*TABLES, "links", "vector_wal", "memory_access"]


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=2) as opened:
        store = PostgresStore(opened)
        for namespace in ("mine", "theirs"):
            receipt = Receipt(key="k", fingerprint=b"f")
            await store.apply(namespace, [an_upsert("1")], receipt=receipt)
        yield opened


async def test_the_role_of_the_tests_is_bound_by_row_level_security(pool: Pool) -> None:
    assert await PostgresStore(pool).rls_enforced() is True


@pytest.mark.parametrize("table", TABLES)
async def test_another_namespaces_rows_cannot_be_read(pool: Pool, table: str) -> None:
    async with pool.scoped("mine") as connection:
        rows = await connection.fetch(f"SELECT namespace FROM {table}")  # noqa: S608
    assert {row["namespace"] for row in rows} == {"mine"}


@pytest.mark.parametrize("table", TABLES)
async def test_another_namespaces_rows_cannot_be_changed(pool: Pool, table: str) -> None:
    async with pool.scoped("mine") as connection:
        deleted = await connection.execute(
            f"DELETE FROM {table} WHERE namespace <> 'mine'"  # noqa: S608
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"UPDATE {table} SET namespace = 'theirs'")  # noqa: S608
    assert deleted == "DELETE 0"


@pytest.mark.parametrize("table", ALL_TABLES)
async def test_without_a_declared_namespace_nothing_is_seen(
    fresh_database: str, pool: Pool, table: str
) -> None:
    assert await PostgresStore(pool).namespaces() == ["mine", "theirs"]
    connection = await asyncpg.connect(fresh_database)
    try:
        forced = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = $1"
        assert await connection.fetchval(forced, table)
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    finally:
        await connection.close()


async def test_a_query_for_another_namespace_under_mine_finds_nothing(pool: Pool) -> None:
    reads, feed = load_queries("reads"), load_queries("feed")
    async with pool.scoped("mine") as connection:
        assert await connection.fetch(reads["get"], "theirs", ["1"]) == []
        assert await connection.fetch(feed["load"], "theirs", "r", "", 10) == []
        assert await connection.fetch(feed["changed_rows"], 0, ["theirs"], "r") == []
        assert await connection.fetchval(reads["last_version"], "theirs", "1") is None


async def test_a_write_under_one_namespace_cannot_reach_another(pool: Pool) -> None:
    writes = load_queries("writes")
    async with pool.unscoped() as connection, connection.transaction():
        row = await connection.fetchrow(writes["enter_single"], "mine")
        assert row is not None
        assert await connection.fetch(writes["hold"], "theirs", ["1"]) == []
        assert await connection.fetch(writes["bury"], "theirs", ["1"], row["xid"]) == []
    assert await PostgresStore(pool).last_version("theirs", at("1")) == 1


async def test_the_scope_of_a_write_ends_with_its_transaction(pool: Pool) -> None:
    store = PostgresStore(pool)
    await store.apply("mine", [an_upsert("2")])
    applied = await store.apply("theirs", [Delete(coordinate=at("2"))])
    assert isinstance(applied.outcomes[0], NotFound)
    assert written(await store.apply("theirs", [an_upsert("2")])).version == 1


async def test_a_superuser_is_not_bound_and_the_store_says_so(
    postgres_server: TestPostgres,
) -> None:
    if postgres_server.admin_dsn == postgres_server.dsn:
        pytest.skip("the given server has one role only")
    async with open_pool(postgres_server.admin_dsn, size=1) as pool:
        assert await PostgresStore(pool).rls_enforced() is False
