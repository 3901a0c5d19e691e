"""The filters of the list, in SQL, mean what `sfm_core.filters.matches` says."""

import math
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.filters import parse
from sfm_core.model import JsonObject, Kind, ListQuery, Upsert
from sfm_core.testing.writes import an_upsert

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 1, tzinfo=UTC)
EXAMPLES = int(os.environ.get("SFM_FILTER_EXAMPLES", "150"))

words = st.sampled_from(["", "a", "b", "ab", "A", "é", "😀", "a.b", '"', "\\", "%", "$v0", "x'y"])
numbers = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.5, -0.0, 1.0, 1e23, 1e308, 5e-324, 0.1, 2.0**53, 2**53 + 1, 2**63 - 1]),
    st.floats(allow_nan=False, allow_infinity=False).filter(math.isfinite),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
keys = st.sampled_from(["a", "b", "$x", '"', "0"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=6,
)
payloads = st.fixed_dictionaries({"a": values}, optional={"b": values, "é": values, '"': values})
times = st.sampled_from([NOW + timedelta(microseconds=i) for i in range(-2, 3)])
time_texts = times.map(datetime.isoformat)
paths = st.sampled_from(["a", "a", "a", "b", "a.b", "a.a", "é", '"', "a.0", 'b."', "a.b.a"])


def comparisons(field: st.SearchStrategy[str], operand: st.SearchStrategy[object], *more: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    several = st.lists(operand, max_size=3)
    ops = [
        *(st.tuples(st.just(op), operand) for op in ("$eq", "$ne", *more)),
        *(st.tuples(st.just(op), several) for op in ("$in", "$nin")),
        st.tuples(st.just("$exists"), st.booleans()),
    ]
    return st.builds(lambda f, term: {f: {term[0]: term[1]}}, field, st.one_of(ops))


ORDER = ("$gt", "$gte", "$lt", "$lte")
terms = st.one_of(
    comparisons(paths, scalars, "$contains"),
    st.builds(lambda f, op, o: {f: {op: o}}, paths, st.sampled_from(ORDER), numbers | words),
    st.builds(
        lambda f, op, o: {f: {op: o}},
        paths,
        st.sampled_from(["$eq", "$ne"]),
        st.lists(scalars, max_size=3),
    ),
    comparisons(st.just("@kind"), st.sampled_from(["episodic", "semantic"])),
    comparisons(st.sampled_from(["@tags", "@session", "@source"]), words, "$contains", *ORDER),
    comparisons(st.just("@importance"), numbers, *ORDER),
    comparisons(st.just("@occurred_at"), time_texts, *ORDER),
    comparisons(st.just("@pinned"), st.booleans()),
)
filters = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"$and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=5,
)


@st.composite
def upserts(draw: st.DrawFn) -> list[Upsert]:
    return [
        an_upsert(
            f"{i}",
            payload=draw(payloads),
            kind=draw(st.sampled_from(Kind)),
            tags=tuple(draw(st.lists(words, max_size=2, unique=True))),
            session=draw(st.none() | words),
            source=draw(st.none() | words),
            importance=float(draw(numbers)),
            occurred_at=draw(times),
            pinned=draw(st.booleans()),
        )
        for i in range(4)
    ]


@pytest.fixture
async def store(module_database: str) -> AsyncIterator[PostgresStore]:
    async with open_pool(module_database, size=1) as pool:
        yield PostgresStore(pool)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(writes=upserts(), asked=st.lists(filters, min_size=1, max_size=8))
async def test_sql_and_python_admit_the_same_memories(
    store: PostgresStore, writes: list[Upsert], asked: list[dict[str, object]]
) -> None:
    namespace = f"f-{uuid4().hex}"
    twin = InMemoryStore()
    await twin.apply(namespace, writes)
    await store.apply(namespace, writes)
    for raw in asked:
        query = ListQuery(filter=parse(raw))
        expected = (await twin.list(namespace, query, now=NOW)).memories
        found = (await store.list(namespace, query, now=NOW)).memories
        assert [m.coordinate for m in found] == [m.coordinate for m in expected], raw


@pytest.mark.parametrize("field", ["@created_at", "@updated_at"])
@pytest.mark.parametrize("op", ["$eq", *ORDER])
async def test_times_of_the_row_compare_to_the_microsecond(
    store: PostgresStore, field: str, op: str
) -> None:
    namespace = f"f-{uuid4().hex}"
    await store.apply(namespace, [an_upsert("1"), an_upsert("2"), an_upsert("3")])
    memories = (await store.list(namespace, ListQuery(), now=NOW)).memories
    middle = memories[1].created_at
    expected = {"$eq": "2", "$gt": "3", "$gte": "23", "$lt": "1", "$lte": "12"}[op]
    query = ListQuery(filter=parse({field: {op: middle.isoformat()}}))
    found = (await store.list(namespace, query, now=NOW)).memories
    assert "".join(memory.coordinate.text for memory in found) == expected


@pytest.mark.parametrize(
    ("raw", "admitted"),
    [
        ({"a": {"$contains": 5}}, "2"),
        ({"a": 5}, "12"),
        ({"a": [5, "five"]}, "23"),
        ({"a": {"$contains": "iv"}}, "2"),
        ({"a": {"$exists": False}}, "5"),
        ({"a": {"$ne": 5}}, "345"),
        ({"a": {"$nin": [5, None]}}, "35"),
        ({"a": None}, "4"),
        ({"a": {"$gte": 5}}, "12"),
        ({"$not": {"a": {"$lt": 9}}}, "345"),
    ],
)
async def test_what_each_operator_admits(
    store: PostgresStore, raw: dict[str, object], admitted: str
) -> None:
    namespace = f"f-{uuid4().hex}"
    said: list[JsonObject] = [
        {"a": 5.0},
        {"a": [5, "five"]},
        {"a": [[5, "five"], {"b": 5}]},
        {"a": None},
        {"b": 5},
    ]
    writes = [an_upsert(f"{i}", payload=payload) for i, payload in enumerate(said, 1)]
    for records in (store, InMemoryStore()):
        await records.apply(namespace, writes)
        page = await records.list(namespace, ListQuery(filter=parse(raw)), now=NOW)
        assert "".join(memory.coordinate.text for memory in page.memories) == admitted


async def test_nothing_of_a_filter_is_ever_sql(store: PostgresStore) -> None:
    namespace = f"f-{uuid4().hex}"
    await store.apply(namespace, [an_upsert("1", payload={"a": "x"})])
    for hostile in ["'; DROP TABLE memories; --", '" == 1)', "$[0]", "\\", "\\u0022", "?(@)"]:
        for raw in ({hostile.replace(".", "").lstrip("$"): 1}, {"a": {"$contains": hostile}}):
            assert (
                await store.list(namespace, ListQuery(filter=parse(raw)), now=NOW)
            ).memories == ()
    assert (await store.stats(namespace)).total == 1
