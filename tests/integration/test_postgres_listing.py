"""Lists and ranges page by page while others write; a session by its index."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import anyio
import pytest

from sfm_core.adapters.keyset import START
from sfm_core.adapters.postgres.filter_terms import filter_terms
from sfm_core.adapters.postgres.finder import PostgresFinder
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.filters import parse
from sfm_core.model import Box, Delete, ListQuery, Memory, Page, RangeQuery
from sfm_core.testing.writes import an_upsert, at

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KEPT = 120
BETWEEN = '(exists($."a" ? (@ > 1)) && exists($."a" ? (@ < 3)))'
EITHER = '(exists($."a" ? (@ == 1)) || exists($."b" ? (@ == true)))'


@pytest.fixture
async def pool(module_database: str) -> AsyncIterator[Pool]:
    async with open_pool(module_database, size=5) as pool:
        yield pool


type Turn = Callable[[str | None], Awaitable[Page]]


async def _paged(turn: Turn) -> list[Memory]:
    found: list[Memory] = []
    cursor: str | None = None
    while True:
        page = await turn(cursor)
        found += page.memories
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


@pytest.mark.parametrize("by", ["list", "range"])
async def test_pages_give_what_stays_once_while_others_write(pool: Pool, by: str) -> None:
    """Kept memories lie between those that come, change and go while the pages are read."""
    namespace = f"w-{uuid4().hex}"
    store, finder = PostgresStore(pool), PostgresFinder(pool)
    kept = [f"{2 * i},0" for i in range(KEPT)]
    for i in range(KEPT):
        await store.apply(namespace, [an_upsert(f"{2 * i + 1},0"), an_upsert(kept[i])])
    read = anyio.Event()

    async def write(seed: int) -> None:
        rng = random.Random(seed)
        while not read.is_set():
            place = f"{2 * rng.randrange(KEPT) + 1},{rng.choice((0, 0, 1))}"
            if rng.random() < 0.5:
                await store.apply(namespace, [Delete(coordinate=at(place))])
            else:
                await store.apply(namespace, [an_upsert(place, payload={"n": rng.random()})])
            kept_one = an_upsert(rng.choice(kept), payload={"n": rng.random()})
            await store.apply(namespace, [kept_one])  # an update keeps its place

    async def turn(cursor: str | None) -> Page:
        if by == "list":
            return await store.list(namespace, ListQuery(limit=7, cursor=cursor), now=NOW)
        box = Box(low=(0.0, 0.0), high=(1e6, 9.0))
        return await finder.inside(namespace, RangeQuery(box=box, limit=7, cursor=cursor), now=NOW)

    async with anyio.create_task_group() as tasks:
        for seed in range(3):
            tasks.start_soon(write, seed)
        for _ in range(3):
            found = [memory.coordinate.text for memory in await _paged(turn)]
            assert [place for place in found if place in set(kept)] == kept
        read.set()


@pytest.fixture(scope="module")
def filled(module_database: str) -> str:
    async def fill() -> None:
        async with open_pool(module_database, size=2) as pool:
            store = PostgresStore(pool)
            for part in range(4):
                await store.apply(
                    "mine",
                    [
                        an_upsert(f"{part},{i}", session=f"s-{part}-{i % 100}", content_key=i)
                        for i in range(1000)
                    ],
                )
            async with pool.scoped("*") as connection:
                await connection.execute("VACUUM ANALYZE memories")
                await connection.execute("VACUUM ANALYZE memory_vectors")

    anyio.run(fill)
    return module_database


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "raw",
    [
        {"@session": "s-1-7"},
        {"@session": {"$in": ["s-1-7", "s-2-8"]}},
        {"@session": "s-1-7", "a": {"$exists": True}},
        {"$and": [{"@session": "s-1-7"}, {"@source": {"$ne": "x"}}]},
    ],
)
async def test_a_list_of_one_session_goes_by_its_index(pool: Pool, raw: dict[str, object]) -> None:
    reads = load_queries("reads")
    terms = filter_terms(parse(raw)).arguments()
    async with pool.unscoped() as connection, connection.transaction():
        await connection.fetchrow(reads["scope_planned"], "mine")
        rows = await connection.fetch(
            f"EXPLAIN (ANALYZE) {reads['list']}",
            *("mine", *START, NOW, None, None, None, None, *terms, 101, 9),
        )
    plan = "\n".join(row[0] for row in rows)
    assert "memories_of_session" in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        ({"a": 5}, {"rough": 'exists($."a" ? (@ == 5))'}),
        ({"a.b": {"$in": ["x", None]}}, {"rough": 'exists($."a"."b" ? (@ == "x" || @ == null))'}),
        ({"a": {"$gt": 1, "$lt": 3}}, {"rough": BETWEEN}),
        ({"$or": [{"a": 1}, {"b": True}]}, {"rough": EITHER}),
        ({"$or": [{"a": 1}, {"@source": "x"}]}, {}),
        ({"$not": {"a": 1}}, {}),
        ({"a": {"$ne": 1}}, {}),
        ({"a": [1]}, {}),
        ({"a": {"$in": []}}, {}),
        ({"a": {"$gt": "x"}}, {}),
        ({"a": {"$exists": False}}, {}),
        ({"@session": "s", "@tags": "t"}, {"sessions": ["s"], "tags": ["t"]}),
        ({"$and": [{"@tags": "t"}, {"@tags": "u"}]}, {"tags": ["t", "u"]}),
        ({"@source": {"$in": ["a", "b"]}}, {"sources": ["a", "b"]}),
        ({"$or": [{"@session": "s"}, {"@session": "t"}]}, {}),
        ({"@pinned": True}, {"pinned": True}),
        ({"@importance": {"$gte": 2, "$lt": 9}}, {"least": 2.0, "most": 9.0}),
    ],
)  # fmt: skip
def test_what_is_known_beforehand_of_the_admitted(
    raw: dict[str, object], known: dict[str, object]
) -> None:
    terms = filter_terms(parse(raw))
    names = ("rough", "sessions", "sources", "tags", "pinned", "least", "most")
    assert {n: v for n in names if (v := getattr(terms, n)) is not None} == known


async def test_a_thousand_namespaces_are_named(pool: Pool) -> None:
    store = PostgresStore(pool)
    names = [f"many-{i:04}" for i in range(1000)]
    for name in names:
        await store.apply(name, [an_upsert("1")])
    await store.apply(names[7], [Delete(coordinate=at("1"))])
    found = [name for name in await store.namespaces() if name.startswith("many-")]
    assert found == names[:7] + names[8:]
    async with pool.scoped("*") as connection:
        rows = await connection.fetch(f"EXPLAIN {load_queries('reads')['namespaces']}")
    plan = "\n".join(row[0] for row in rows)
    assert "Limit" in plan, plan
    assert "Seq Scan on memories" not in plan, plan
