"""Erasing under real writers, and what is left in the tables."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, connect, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import Conflict
from sfm_core.model import Delete, LinkKey, PutLink, Receipt
from sfm_core.testing.writes import an_upsert, at, written
from tests.servers.writers import OpenWrite

pytestmark = pytest.mark.integration

CANARY = "xyzzycanary"
_TABLES = (
    "SELECT table_name, array_agg(column_name::text) AS columns FROM information_schema.columns"
    " WHERE table_schema = current_schema() GROUP BY table_name"
)
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


_PARENTS = "SELECT relname FROM pg_class JOIN pg_inherits ON inhparent = pg_class.oid"


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=4) as opened:
        yield opened


async def waiting(pool: Pool, count: int = 1) -> None:
    """Until so many connections wait for a lock."""
    while True:
        async with pool.unscoped() as connection:
            if await connection.fetchval(_WAITING) >= count:
                return


async def test_erasing_waits_for_a_write_that_holds_the_namespace_and_takes_it_too(
    fresh_database: str, pool: Pool
) -> None:
    store, eraser = PostgresStore(pool), PostgresEraser(pool)
    await store.apply("a", [an_upsert("1")])
    async with OpenWrite(fresh_database, "a") as slow, anyio.create_task_group() as tasks:
        await slow.enter()
        await slow.draw("7")
        tasks.start_soon(eraser.erase, "a")
        await waiting(pool)
        await slow.commit()
    stats = await store.stats("a")
    assert (stats.total, stats.vectors) == (0, 0)


async def test_a_write_that_waits_for_the_erasure_is_refused_when_it_began_before(
    fresh_database: str, pool: Pool
) -> None:
    store = PostgresStore(pool)
    await store.apply("a", [an_upsert("1")])
    noted = await store.generation("a")
    refused: list[Conflict] = []

    async def write() -> None:
        try:
            await store.apply("a", [an_upsert("8")], generation=noted)
        except Conflict as error:
            refused.append(error)

    erase = load_queries("erase")
    connection = await connect(fresh_database)
    try:
        async with anyio.create_task_group() as tasks:
            transaction = connection.transaction()
            await transaction.start()
            await connection.fetchrow(erase["lock"], "a")
            tasks.start_soon(write)
            await waiting(pool)
            await connection.fetchval(erase["next_generation"], "a")
            await connection.execute(erase["erase_memories"], "a")
            await transaction.commit()
    finally:
        await connection.close()
    assert len(refused) == 1
    assert refused[0].retriable
    assert (await store.stats("a")).total == 0


async def test_erasing_at_once_from_several_places_is_fine(pool: Pool) -> None:
    store, eraser = PostgresStore(pool), PostgresEraser(pool)
    await store.apply("a", [an_upsert(str(n)) for n in range(50)])
    removed: list[int] = []

    async def erase() -> None:
        removed.append((await eraser.erase("a")).stores[0].removed)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(erase)
    assert sorted(removed) == [0, 0, 50]
    assert await store.generation("a") == 4


async def test_every_table_of_a_tenant_is_erased(fresh_database: str) -> None:
    """A table that somebody adds must be added to `erase.sql` too."""
    statements = " ".join(load_queries("erase").values())
    connection = await connect(fresh_database)
    try:
        tables = await connection.fetch(_TABLES)
        # parents of `memories`, for searching: they hold nothing
        empty = {row["relname"] for row in await connection.fetch(_PARENTS)}
        tenants = {r["table_name"] for r in tables if "namespace" in r["columns"]} - empty
    finally:
        await connection.close()
    # removed, and looked for afterwards
    seen = {t: statements.count(f"FROM {t} WHERE namespace = $1") for t in tenants}
    assert set(seen.values()) == {2}, seen


async def grep(connection: "asyncpg.Connection[asyncpg.Record]", word: str) -> list[str]:
    """The tables in which any column of any row holds a word, as text."""
    await connection.execute("SELECT set_config('sfm.namespace', '*', false)")
    found = []
    for row in await connection.fetch(_TABLES):
        table = row["table_name"]
        sql = f'SELECT count(*) FROM "{table}" AS t WHERE t::text ILIKE ANY($1)'  # noqa: S608
        if await connection.fetchval(sql, [f"%{word}%", f"%{word.encode().hex()}%"]):
            found.append(table)
    return found


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["store", "delete", "link", "key"]),
            st.integers(1, 4),
            st.integers(1, 4),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_table_holds_a_word_of_what_was_erased(
    fresh_database: str, history: list[tuple[str, int, int]]
) -> None:
    anyio.run(_write_and_grep, fresh_database, history)


async def _write_and_grep(dsn: str, history: list[tuple[str, int, int]]) -> None:
    async with open_pool(dsn, size=2) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        said: dict[str, Any] = {
            "payload": {CANARY: CANARY},
            "text": CANARY,
            "tags": (CANARY,),
            "session": CANARY,
            "source": CANARY,
        }
        await store.apply("secret", [an_upsert("1", **said)])
        for what, one, other in history:
            receipt = Receipt(key=f"{CANARY}-{what}-{one}", fingerprint=b"f")
            if what == "delete":
                await store.apply("secret", [Delete(coordinate=at(str(one)))])
            elif what == "link" and one != other:
                key = LinkKey(origin=at(str(one)), target=at(str(other)), type=CANARY)
                await links.apply("secret", [PutLink(key=key)])
            else:
                kept = receipt if what == "key" else None
                await store.apply("secret", [an_upsert(str(one), **said)], receipt=kept)
        connection = await connect(dsn)
        try:
            assert "memory_events" in await grep(connection, CANARY)
            await PostgresEraser(pool).erase("secret")
            assert await grep(connection, CANARY) == []
        finally:
            await connection.close()
        assert written(await store.apply("secret", [an_upsert("1")])).version == 1
