"""Migrations, the SQL files, and what the planner makes of them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import anyio
import pytest

from sfm_core.adapters.postgres import migrate as module
from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.pool import connect, open_pool
from sfm_core.adapters.postgres.queries import load_migrations, load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.testing.writes import REVISION, an_upsert, written

pytestmark = pytest.mark.integration

FOLDER = Path(module.__file__).parent
TOPICS = sorted(path.stem for path in (FOLDER / "sql").glob("*.sql"))
YEAR_3000 = datetime(3000, 1, 1, tzinfo=UTC)
STATEMENTS = [
    (topic, name)
    for topic in TOPICS
    for name, sql in load_queries(topic).items()
    if re.search(r"^(SELECT|WITH|INSERT|UPDATE|DELETE)\b", sql, re.MULTILINE)
]


async def test_migrating_twice_does_it_once(empty_database: str) -> None:
    assert await migrate(empty_database) == list(load_migrations())
    assert await migrate(empty_database) == []


async def test_processes_that_migrate_at_once_do_it_once(empty_database: str) -> None:
    done: list[list[str]] = []

    async def one() -> None:
        done.append(await migrate(empty_database))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(one)
    assert sorted(done, key=len) == [[], [], [], list(load_migrations())]


async def test_a_database_of_newer_code_is_refused(fresh_database: str) -> None:
    connection = await connect(fresh_database)
    await connection.execute(load_queries("schema")["note"], "9999_from_the_future", "x")
    await connection.close()
    with pytest.raises(Misconfigured, match="9999_from_the_future"):
        await migrate(fresh_database)


async def test_a_migration_that_was_edited_after_it_was_applied_is_refused(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = {name: text + "\n" for name, text in load_migrations().items()}
    monkeypatch.setattr(module, "load_migrations", lambda: edited)
    with pytest.raises(Misconfigured, match="another form"):
        await migrate(fresh_database)


async def test_a_migration_that_fails_leaves_nothing(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = dict(load_migrations()) | {"0999_broken": "CREATE TABLE half (); SELECT 1/0;"}
    monkeypatch.setattr(module, "load_migrations", lambda: broken)
    with pytest.raises(Exception, match="cannot hold this value"):
        await migrate(empty_database)
    monkeypatch.undo()
    assert await migrate(empty_database) == []
    connection = await connect(empty_database)
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    await connection.close()


async def test_without_a_schema_the_error_says_what_to_do(empty_database: str) -> None:
    async with open_pool(empty_database, size=1) as pool:
        with pytest.raises(Misconfigured, match="soma migrate"):
            await PostgresStore(pool).namespaces()


async def test_rows_of_another_servers_dump_do_not_count_as_changes_for_ever(
    fresh_database: str,
) -> None:
    async with open_pool(fresh_database, size=1) as pool:
        store = PostgresStore(pool)
        await store.apply("a", [an_upsert("1")])
        async with pool.scoped("*") as connection:
            for table in ("memories", "memory_vectors", "memory_events"):
                await connection.execute(f"UPDATE {table} SET xid = 4000000000000")  # noqa: S608
        token = await store.token()
        assert len((await store.changes(token, ["a"], model_revision="r")).rows) == 1
        await migrate(fresh_database)
        changes = await store.changes(await store.token(), ["a"], model_revision="r")
        assert (changes.rows, changes.samples) == ((), {})


@pytest.mark.parametrize(("topic", "name"), STATEMENTS)
async def test_every_statement_can_be_planned(topic: str, name: str, module_database: str) -> None:
    connection = await connect(module_database)
    try:
        if await connection.fetchval(load_queries("schema")["server_version"]) < 160_000:
            pytest.skip("GENERIC_PLAN came with PostgreSQL 16")
        # `execute` without arguments sends the text as it is: its parameters need no values.
        await connection.execute(f"EXPLAIN (GENERIC_PLAN) {load_queries(topic)[name]}")
    finally:
        await connection.close()


def test_every_statement_has_a_line_on_its_purpose() -> None:
    for topic in TOPICS:
        for name, sql in load_queries(topic).items():
            assert sql.startswith("-- "), (topic, name)


def test_every_statement_is_used_and_every_name_is_there() -> None:
    code = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    for topic in TOPICS:
        for name in load_queries(topic):
            used = f'"{name}"' in code or name.startswith("settle_")
            assert used, (topic, name)


def test_no_module_of_the_adapter_holds_sql() -> None:
    words = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER)\b")
    for path in FOLDER.glob("*.py"):
        assert not words.search(path.read_text()), path.name


@pytest.mark.parametrize(
    ("topic", "name", "arguments", "index"),
    [
        ("feed", "changed_rows", (10**12, ["a", "b"], "r"), "memories_changed"),
        ("feed", "changed_rows", (10**12, ["a", "b"], "r"), "memory_vectors_changed"),
        ("feed", "changed_samples", (10**12, ["a", "b"]), "memory_events_changed"),
        ("feed", "positions", (["a"],), "memory_events_pkey"),
        ("feed", "samples", ("a", 512), "memory_events_pkey"),
        ("feed", "load", ("a", "r", "5", 500), "memories_pkey"),
        ("reads", "get", ("a", ["1"]), "memories_pkey"),
        ("reads", "marks", ("a", [UUID(int=1)]), "memories_namespace_id_key"),
        ("reads", "by_content", ("a", [1, 2], ["1"]), "memories_content"),
        ("feed", "rows_of", ("a", "r", [UUID(int=1)]), "memories_namespace_id_key"),
        ("upkeep", "expired", ("a", YEAR_3000, 9), "memories_expiring"),
        ("upkeep", "agings", ("a", YEAR_3000, ["a"], 1.0, YEAR_3000, "5", 9), "memories_pkey"),
        (
            *("upkeep", "agings", ("a", YEAR_3000, ["a"], 1.0, YEAR_3000, "5", 9)),
            "memory_events_of_memory",
        ),
        ("upkeep", "standings", ("a", YEAR_3000, "5", 9), "memories_pkey"),
        ("upkeep", "standings", ("a", YEAR_3000, "5", 9), "memory_access_pkey"),
        ("upkeep", "sweep_accesses", ("a",), "memories_namespace_id_key"),
        ("archive", "scan_current", ("a", 5, 900, "r", 9, 9), "memory_events_pkey"),
        ("archive", "scan_current", ("a", 5, 900, "r", 9, 9), "memory_events_of_memory"),
        ("archive", "scan_current", ("a", 5, 900, "r", 9, 9), "memory_vectors_pkey"),
        ("archive", "scan_history", ("a", 5, 900, "r", 9, 9), "memory_events_pkey"),
        ("archive", "scan_links", ("a", 5, 900, 9), "memory_events_pkey"),
        ("archive", "past_samples", ("a", 900, 512), "memory_events_of_memory"),
        ("archive", "standing", ("a", ["1"]), "memories_pkey"),
        ("events", "history", ("a", UUID(int=1), 9, 9, 9), "memory_events_of_memory"),
        ("upkeep", "sweep_receipts", (YEAR_3000, 9), "idempotency_keys_aging"),
        ("ledger", "ledger_rows", ("a", "r", UUID(int=1), 9), "memories_namespace_id_key"),
        ("wal", "due", (YEAR_3000, None, 9, ["a"]), "vector_wal_due"),
        ("wal", "noted", ("a", 9), "vector_wal_pkey"),
        ("ledger", "ledger_changed", (10**12,), "memories_changed"),
        ("ledger", "ledger_changed", (10**12,), "memory_vectors_changed"),
        ("ledger", "ledger_changed", (10**12,), "memory_events_changed"),
        ("events", "at_version", ("a", UUID(int=1), 9), "memory_events_of_memory"),
    ],
)
async def test_row_level_security_keeps_the_indexes_in_use(
    topic: str, name: str, arguments: tuple[object, ...], index: str, large_database: str
) -> None:
    connection = await connect(large_database)
    try:
        await connection.fetchval(load_queries("reads")["scope"], "*")
        sql = f"EXPLAIN {load_queries(topic)[name]}"
        plan = "\n".join(row[0] for row in await connection.fetch(sql, *arguments))
    finally:
        await connection.close()
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_the_feed_finds_changes_by_index_before_anything_was_analysed(
    fresh_database: str,
) -> None:
    feed = load_queries("feed")
    async with open_pool(fresh_database, size=1) as pool:
        await PostgresStore(pool).apply("a", [an_upsert(f"{i}") for i in range(1000)])
        async with pool.unscoped() as connection, connection.transaction():
            await connection.execute(feed["open_changes"])
            for name, arguments, indexes in (
                ("changed_rows", (1, ["a"], "r"), ["memories_changed", "memory_vectors_changed"]),
                ("changed_samples", (1, ["a"]), ["memory_events_changed"]),
                ("positions", (["a"],), ["Backward using memory_events_pkey"]),
            ):
                rows = await connection.fetch(f"EXPLAIN {feed[name]}", *arguments)
                plan = "\n".join(row[0] for row in rows)
                assert all(index in plan for index in indexes), plan
                assert "Seq Scan" not in plan, plan


NOBODY = UUID(int=0)
PAGES = {
    "upkeep agings": (("a", YEAR_3000, ["a"], 1.0, YEAR_3000, "5", 9), "memories_pkey"),
    "upkeep standings": (("a", YEAR_3000, "5", 9), "memories_pkey"),
    "feed load": (("a", REVISION, "5", 500), "memories_pkey"),
    "feed payloads": (("a", "5", 500), "memories_pkey"),
    "digests embedded": (("a", REVISION, "5", 64, 10**6), "memories_pkey"),
    "links load_links": (("a", NOBODY, NOBODY, "", 500), "links_pkey"),
    "archive scan_current": (("a", 5, 900, REVISION, 500, 10**6), "memory_events_pkey"),
    "archive scan_history": (("a", 5, 900, REVISION, 500, 10**6), "memory_events_pkey"),
}


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_read_by_key_before_anything_was_analysed(
    fresh_database: str, page: str
) -> None:
    file, name = page.split()
    arguments, key = PAGES[page]
    async with open_pool(fresh_database, size=1) as pool:
        await PostgresStore(pool).apply("a", [an_upsert(f"{i}") for i in range(1000)])
        async with pool.paged("a") as connection:
            rows = await connection.fetch(f"EXPLAIN {load_queries(file)[name]}", *arguments)
            plan = "\n".join(row[0] for row in rows)
            assert f"Index Scan using {key}" in plan, plan
            for slow in ("Seq Scan", "Bitmap", "Hash Join", "Merge Join"):
                assert slow not in plan, plan


@pytest.fixture(scope="module")
def large_database(module_database: str) -> str:
    """A few thousand rows, analysed."""

    async def fill() -> None:
        async with open_pool(module_database, size=2) as pool:
            store = PostgresStore(pool)
            for namespace in ("a", "b"):
                for part in range(3):
                    await store.apply(
                        namespace,
                        [an_upsert(f"{part},{i}", content_key=i) for i in range(1000)],
                    )
            async with pool.unscoped() as connection:
                await connection.execute("ANALYZE memories, memory_vectors, memory_events")

    anyio.run(fill)
    return module_database


async def test_a_wrong_password_is_a_setting_and_a_dead_server_is_an_outage() -> None:
    with pytest.raises(Unavailable):
        async with open_pool("postgresql://sfm@127.0.0.1:1/none", connect_timeout_s=2):
            pass
    with pytest.raises(Misconfigured, match="POSTGRES_URL") as caught:
        async with open_pool("mysql://sfm:secret@localhost/none"):
            pass
    assert "secret" not in str(caught.value)


async def test_statements_prepared_before_a_migration_go_on_after_it(fresh_database: str) -> None:
    async with open_pool(fresh_database, size=1) as pool:
        store = PostgresStore(pool)
        for _ in range(8):
            await store.apply("a", [an_upsert("1")])
            await store.get("a", [an_upsert("1").coordinate])
        other = await connect(fresh_database)
        await other.execute("ALTER TABLE memories ADD COLUMN later text DEFAULT 'x'")
        for parent in ("search_literal", "search_fuzzy", "search_words"):
            await other.execute(f"ALTER TABLE memories NO INHERIT {parent}")
        await other.execute("ALTER TABLE memories ALTER COLUMN source TYPE varchar(400)")
        await other.close()
        assert written(await store.apply("a", [an_upsert("1", source="s")])).version == 9
        found = await store.get("a", [an_upsert("1").coordinate])
        assert [memory.draft.source for memory in found.values()] == ["s"]
