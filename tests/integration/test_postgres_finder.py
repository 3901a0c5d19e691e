"""Keyword search and range on PostgreSQL: like the twin, by their indexes, within the tenant."""

import os
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_finder import InMemoryFinder
from sfm_core.adapters.postgres.filter_terms import filter_terms
from sfm_core.adapters.postgres.finder import PostgresFinder, expression, pattern
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.windows import PAGE_BYTES
from sfm_core.filters import parse
from sfm_core.model import Box, KeywordQuery, RangeQuery
from sfm_core.testing.writes import an_upsert
from sfm_core.trigrams import FUZZY_THRESHOLD, word_similarity

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 1, tzinfo=UTC)
EXAMPLES = int(os.environ.get("SFM_FIND_EXAMPLES", "150"))
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NO_FILTER = filter_terms(None).arguments()

texts = st.text(alphabet="abAB tteé É茶_%\\.-1😀\n", max_size=24)
phrases = st.lists(
    st.sampled_from(["tea", "Teas", "kettle", "ketle", "harbour", "a_b", "100%", "чай", "e-mail"]),
    max_size=6,
).map(" ".join)
spoken = texts | phrases
terms = (texts | phrases).filter(lambda text: bool(text.strip()))
axes = st.sampled_from([-2.0, -1.5, 0.0, 0.5, 1.0, 1e300, -1e300, 5e-324])
points = st.integers(1, 4).flatmap(lambda n: st.tuples(*[axes] * n))


@pytest.fixture
async def pool(module_database: str) -> AsyncIterator[Pool]:
    async with open_pool(module_database, size=2) as pool:
        yield pool


@QUICK
@given(term=spoken, text=spoken)
@example(term="word", text="two words")
async def test_word_similarity_is_the_servers(pool: Pool, term: str, text: str) -> None:
    async with pool.unscoped() as connection:
        theirs = await connection.fetchval("SELECT word_similarity($1, $2)", term, text)
    ours = word_similarity(term, text).similarity
    assert struct.pack("f", ours) == struct.pack("f", theirs)


@QUICK
@given(
    said=st.lists(st.tuples(spoken, st.booleans()), max_size=6),
    asked=st.lists(
        st.builds(
            KeywordQuery,
            term=terms,
            exact=st.booleans(),
            case_sensitive=st.booleans(),
            top_k=st.integers(1, 5),
            filter=st.sampled_from([None, parse({"@pinned": True}), parse({"@tags": "x"})]),
        ),
        min_size=1,
        max_size=6,
    ),
)
async def test_a_keyword_finds_what_the_twin_finds(
    pool: Pool, said: list[tuple[str, bool]], asked: list[KeywordQuery]
) -> None:
    namespace = f"k-{uuid4().hex}"
    store, twin = PostgresStore(pool), InMemoryStore()
    for i, (text, pinned) in enumerate(said):
        write = an_upsert(f"{i}", text=text, pinned=pinned, tags=("x",) if i % 2 else ())
        await store.apply(namespace, [write])
        await twin.apply(namespace, [write])
    for query in asked:
        theirs = await PostgresFinder(pool).with_term(namespace, query, now=NOW)
        ours = await InMemoryFinder(twin).with_term(namespace, query, now=NOW)
        assert [(m.memory.coordinate, m.match, m.similarity) for m in theirs] == [
            (m.memory.coordinate, m.match, m.similarity) for m in ours
        ], query


@QUICK
@given(
    said=st.sets(points, max_size=12), corners=st.tuples(points, points), limit=st.integers(1, 4)
)
async def test_a_range_finds_what_the_twin_finds(
    pool: Pool,
    said: set[tuple[float, ...]],
    corners: tuple[tuple[float, ...], tuple[float, ...]],
    limit: int,
) -> None:
    namespace = f"r-{uuid4().hex}"
    store, twin = PostgresStore(pool), InMemoryStore()
    writes = [an_upsert(",".join(map(repr, point))) for point in said]
    if writes:
        await store.apply(namespace, writes)
        await twin.apply(namespace, writes)
    low, high = corners
    query = RangeQuery(
        box=Box(
            low=tuple(map(min, zip(low, high, strict=False))),
            high=tuple(map(max, zip(low, high, strict=False))),
        ),
        limit=limit,
    )
    while True:
        theirs = await PostgresFinder(pool).inside(namespace, query, now=NOW)
        ours = await InMemoryFinder(twin).inside(namespace, query, now=NOW)
        assert [m.coordinate for m in theirs.memories] == [m.coordinate for m in ours.memories]
        assert theirs.next_cursor == ours.next_cursor
        if theirs.next_cursor is None:
            break
        query = RangeQuery(box=query.box, limit=limit, cursor=theirs.next_cursor)


WORDS = ("kettle", "harbour", "music", "garden", "letter", "winter", "museum", "piano")


@pytest.fixture(scope="module")
def filled(module_database: str) -> str:
    """Namespaces of 4 000 memories each, analysed; a rare word in two of each."""
    import anyio

    async def fill() -> None:
        async with open_pool(module_database, size=2) as pool:
            store = PostgresStore(pool)
            for namespace in ("mine", "theirs"):
                for part in range(4):
                    await store.apply(
                        namespace,
                        [
                            an_upsert(
                                f"{i % 100},{part},{i // 100}",
                                text=f"{WORDS[i % 8]} and {WORDS[i // 8 % 8]} number {i}"
                                + (" quixotic" if i == 7 and part < 2 else ""),
                            )
                            for i in range(1000)
                        ],
                    )
            async with pool.scoped("*") as connection:
                await connection.execute("ANALYZE memories")

    anyio.run(fill)
    return module_database


async def _plan(connection: asyncpg.Connection, name: str, *arguments: object) -> str:
    sql = f"EXPLAIN (ANALYZE) {load_queries('find')[name]}"
    return "\n".join(row[0] for row in await connection.fetch(sql, *arguments))


@pytest.mark.usefixtures("filled")
async def test_a_search_for_words_goes_by_the_trigram_index(pool: Pool) -> None:
    find = load_queries("find")
    term = "quixotic"
    async with pool.unscoped() as connection, connection.transaction():
        await connection.fetchrow(find["ask"], "mine", pattern(term), term, str(FUZZY_THRESHOLD))
        literal = await _plan(
            connection, "literal", "mine", NOW, pattern(term), False, expression(term), True,
            None, *NO_FILTER, 50, PAGE_BYTES,
        )  # fmt: skip
        assert await connection.fetchval("SELECT count(*) FROM search_literal") == 2
        await connection.fetchrow(find["ask"], "mine", "%%", "quixotc", str(FUZZY_THRESHOLD))
        fuzzy = await _plan(
            connection,
            "fuzzy",
            "mine",
            NOW,
            "quixotc",
            pattern("quixotc"),
            None,
            *NO_FILTER,
            50,
            PAGE_BYTES,
        )
        assert await connection.fetchval("SELECT count(*) FROM search_fuzzy") == 2
    for plan in (literal, fuzzy):
        assert "Bitmap Index Scan on memories_trigrams" in plan, plan
        # the tenant is part of what the index is asked for, so that others' rows are not touched
        assert "Index Cond: ((namespace = 'mine'" in plan, plan
        assert "Seq Scan on memories" not in plan, plan


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("corners", [((5.0, 0.0, 0.0), (7.0, 9.0, 9.0)), ((0.0,) * 3, (1e9,) * 3)])
async def test_a_range_goes_by_the_index_of_places(
    pool: Pool, corners: tuple[tuple[float, ...], tuple[float, ...]]
) -> None:
    low, high = corners
    async with pool.scoped("mine") as connection:
        plan = await _plan(
            connection, "inside", "mine", 3, low, high, low[0], UUID(int=0), NOW, 101, PAGE_BYTES
        )
    assert "Index Scan using memories_placed" in plan, plan
    sorts = [line for line in plan.splitlines() if "Sort Key" in line]
    assert all(line.endswith(("n", "(row_number() OVER (?))")) for line in sorts), plan
    [condition] = [line for line in plan.splitlines() if "Index Cond" in line]
    assert condition.count("CASE") == 4, plan


@pytest.mark.parametrize("table", ["search_literal", "search_fuzzy"])
async def test_what_a_search_reads_is_of_the_declared_namespace(
    filled: str, pool: Pool, table: str
) -> None:
    find = load_queries("find")
    everything = f"SELECT DISTINCT namespace FROM {table}"  # noqa: S608
    async with pool.unscoped() as connection, connection.transaction():
        for namespace, seen in (("mine", ["mine"]), ("theirs", ["theirs"]), ("*", []), ("", [])):
            await connection.fetchrow(find["ask"], namespace, "%kettle%", "kettle", "0.5")
            assert [row[0] for row in await connection.fetch(everything)] == seen
    fresh = await asyncpg.connect(filled)
    try:
        assert await fresh.fetch(everything) == []
        forced = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = $1"
        assert await fresh.fetchval(forced, table)
    finally:
        await fresh.close()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("table", ["search_literal", "search_fuzzy"])
async def test_nothing_is_written_through_what_searches_read(pool: Pool, table: str) -> None:
    find = load_queries("find")
    async with pool.unscoped() as connection, connection.transaction():
        await connection.fetchrow(find["ask"], "mine", "%kettle%", "kettle", "0.5")
        assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"  # noqa: S608
        assert await connection.execute(f"UPDATE {table} SET text = ''") == "UPDATE 0"  # noqa: S608


async def test_the_declarations_of_a_search_end_with_it(filled: str) -> None:
    async with open_pool(filled, size=1) as pool:
        finder = PostgresFinder(pool)
        assert len(await finder.with_term("mine", KeywordQuery(term="quixotic"), now=NOW)) == 2
        async with pool.unscoped() as connection:
            for name in ("sfm.namespace", "sfm.pattern", "sfm.term"):
                left = await connection.fetchval("SELECT current_setting($1, true)", name)
                assert left in (None, ""), name
            assert await connection.fetchval("SHOW plan_cache_mode") == "auto"
