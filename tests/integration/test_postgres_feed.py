"""The change feed skips nothing that is in flight."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import asyncpg
import numpy as np
import pytest

from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import vector_bytes
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.writes import call_of, run_wave
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at, written

pytestmark = pytest.mark.integration

WRITES = load_queries("writes")


@pytest.fixture
async def store(fresh_database: str) -> AsyncIterator[PostgresStore]:
    async with open_pool(fresh_database, size=4) as pool:
        yield PostgresStore(pool)


class SlowWriter:
    """A write whose transaction begins now and commits when told."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def begin(self, namespace: str, coordinate: str) -> None:
        self._connection: Any = await asyncpg.connect(self._dsn)
        self._transaction = self._connection.transaction()
        await self._transaction.start()
        row = await self._connection.fetchrow(WRITES["enter_single"], namespace)
        write = an_upsert(coordinate)
        call = call_of(namespace, [write])
        await run_wave(self._connection, call, row["xid"], [(0, write)], [])

    async def commit(self) -> None:
        await self._transaction.commit()
        await self._connection.close()


async def test_a_long_transaction_that_commits_late_is_not_skipped(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("0")])
    slow = SlowWriter(fresh_database)
    await slow.begin("a", "7")
    quick = written(await store.apply("a", [an_upsert("8")]))
    before = await store.changes(await store.token(), ["a"], model_revision=REVISION)
    later = await store.changes(before.token, ["a"], model_revision=REVISION)
    await slow.commit()
    after = await store.changes(later.token, ["a"], model_revision=REVISION)

    assert at("7") not in {row.coordinate for row in (*before.rows, *later.rows)}
    found = {row.coordinate: row for row in after.rows}
    assert at("7") in found
    assert found[at("7")].position < quick.position
    assert found[at("7")].position in {s.position for s in after.samples["a"]}


async def test_a_feed_by_position_would_have_skipped_it(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("0")])
    slow = SlowWriter(fresh_database)
    await slow.begin("a", "7")
    quick = written(await store.apply("a", [an_upsert("8")]))
    seen = (await store.changes(await store.token(), ["a"], model_revision=REVISION)).positions
    await slow.commit()
    late = (await store.get("a", [at("7")]))[at("7")]
    assert late.position < quick.position == seen["a"]


async def test_a_token_taken_while_a_write_is_in_flight_covers_it(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("0")])
    slow = SlowWriter(fresh_database)
    await slow.begin("a", "7")
    token = await store.token()
    rows = [row async for page in store.load("a", model_revision=REVISION) for row in page]
    await slow.commit()
    changes = await store.changes(token, ["a"], model_revision=REVISION)
    assert at("7") not in {row.coordinate for row in rows}
    assert at("7") in {row.coordinate for row in changes.rows}


async def test_what_commits_late_changes_the_moment_when_it_commits_and_reading_never_does(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("0")])
    slow = SlowWriter(fresh_database)
    await slow.begin("a", "7")
    await store.apply("a", [an_upsert("8")])
    before = await store.moment()
    await store.get("a", [at("8")])
    await store.changes(await store.token(), ["a"], model_revision=REVISION)
    unchanged = await store.moment()
    await slow.commit()
    assert unchanged == before
    assert await store.moment() != before


async def test_a_transaction_has_its_id_before_it_draws_a_position(
    fresh_database: str, store: PostgresStore
) -> None:
    """So that a position below a snapshot's last value belongs to an id below its xmax."""
    await store.apply("a", [an_upsert("0")])
    connection = await asyncpg.connect(fresh_database)
    try:
        async with connection.transaction():
            assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()") is None
            row = await connection.fetchrow(WRITES["enter_single"], "a")
            drawn = await connection.fetchval("SELECT last_value FROM memory_log")
            assigned = await connection.fetchval(
                "SELECT pg_current_xact_id_if_assigned()::text::bigint"
            )
        assert row is not None
        assert assigned == row["xid"]
        assert drawn == 1
    finally:
        await connection.close()


async def test_a_vector_that_came_later_is_a_change(store: PostgresStore) -> None:
    done = written(await store.apply("a", [an_upsert("1", model_revision="old")]))
    token = await store.token()
    async with store._pool.scoped("a") as connection:
        await connection.execute(
            "INSERT INTO memory_vectors (namespace, id, model_revision, version, vector, xid)"
            " VALUES ('a', $1, 'new', 1, $2, pg_current_xact_id()::text::bigint)",
            done.id,
            vector_bytes(a_vector()),
        )
    changes = await store.changes(token, ["a"], model_revision="new")
    assert [row.id for row in changes.rows] == [done.id]
    assert changes.rows[0].vector is not None
    assert (await store.changes(token, ["a"], model_revision="old")).rows == ()


async def test_a_batch_waits_for_another_batch_and_lets_single_writes_pass(
    fresh_database: str, store: PostgresStore
) -> None:
    await store.apply("a", [an_upsert("0")])
    connection = await asyncpg.connect(fresh_database)
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchrow(WRITES["enter_batch"], "a")
    order: list[str] = []

    async def batch() -> None:
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        order.append("batch")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(batch)
            await store.apply("a", [an_upsert("3")])
            order.append("single")
            await transaction.commit()
    await connection.close()
    assert order == ["single", "batch"]


@pytest.mark.parametrize(
    "damaged",
    [
        a_vector().astype("<f4").tobytes()[:-1],
        a_vector(dim=8).astype("<f4").tobytes(),
        (a_vector() * 2).astype("<f4").tobytes(),
        (a_vector() * np.float32(np.nan)).astype("<f4").tobytes(),
        b"",
    ],
)
async def test_a_damaged_vector_is_left_out_and_named_and_the_other_rows_are_given(
    fresh_database: str, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_pool(fresh_database, size=2) as pool:
        store = PostgresStore(pool, dim=4)
        token = await store.token()
        bad = written(await store.apply("a", [an_upsert("1")]))
        await store.apply("a", [an_upsert("2")])
        async with pool.scoped("a") as connection:
            await connection.execute(
                "UPDATE memory_vectors SET vector = $2 WHERE id = $1", bad.id, damaged
            )
        loaded = [r async for rows in store.load("a", model_revision=REVISION) for r in rows]
        changed = (await store.changes(token, ["a"], model_revision=REVISION)).rows
        asked = await store.view_rows("a", [bad.id], model_revision=REVISION)
    for rows in (loaded, changed):
        found = {row.coordinate: row.vector for row in rows}
        assert found[at("1")] is None
        assert np.array_equal(found[at("2")], a_vector())  # type: ignore[arg-type]
    assert [row.vector for row in asked] == [None]
    assert [(r.message, r.namespace, r.memory) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("vector.damaged", "a", str(bad.id))
    ] * 3
