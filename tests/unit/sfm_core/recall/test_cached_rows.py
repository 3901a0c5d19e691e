"""Rows through a cache are the rows of the truth, whatever the cache holds."""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_cache import InMemoryCache
from sfm_core.errors import Unavailable
from sfm_core.model import Delete, Marks, Memory
from sfm_core.owned import owned_tasks
from sfm_core.recall.rows import CachedRows, Forgetting
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_core.testing.writes import an_upsert, at, written

NS = "acme"


class Counting:
    """The store, noting for which ids rows were read."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self.read: list[UUID] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        self.read += ids
        return await self._store.fetch(namespace, ids)


@asynccontextmanager
async def cached(
    store: InMemoryStore, cache: InMemoryCache
) -> AsyncGenerator[tuple[CachedRows, Counting, RecordingTelemetry]]:
    counting, telemetry = Counting(store), RecordingTelemetry()
    async with owned_tasks() as tasks:
        rows = CachedRows(
            tasks,
            records=counting,  # type: ignore[arg-type]  # the rest is the store's
            cache=cache,
            telemetry=telemetry,
        )
        yield rows, counting, telemetry


async def filled(store: InMemoryStore, cache: InMemoryCache) -> UUID:
    cache.turn_to((await store.marks(NS, ())).log)
    memory = written(await store.apply(NS, [an_upsert("1", payload={"v": 1})])).id
    await cache.keep(NS, list((await store.fetch(NS, [memory])).values()))
    return memory


async def test_what_the_cache_holds_is_not_read_from_the_store() -> None:
    store, cache = InMemoryStore(), InMemoryCache()
    memory = await filled(store, cache)
    async with cached(store, cache) as (rows, counting, telemetry):
        found = await rows.fetch(NS, [memory])
        assert found == await store.fetch(NS, [memory])
        assert counting.read == []
    assert {labels["result"]: n for _, n, labels in telemetry.counted} == {
        "hit": 1, "stale": 0, "miss": 0,
    }  # fmt: skip


async def test_a_cached_row_is_not_shown_when_there_is_a_newer_version() -> None:
    store, cache = InMemoryStore(), InMemoryCache()
    memory = await filled(store, cache)
    await store.apply(NS, [an_upsert("1", payload={"v": 2})])
    async with cached(store, cache) as (rows, counting, telemetry):
        found = await rows.fetch(NS, [memory])
        assert found[memory].draft.payload == {"v": 2}
        assert counting.read == [memory]
    assert [n for _, n, labels in telemetry.counted if labels["result"] == "stale"] == [1]


async def test_a_cached_row_is_not_shown_when_the_memory_was_deleted() -> None:
    store, cache = InMemoryStore(), InMemoryCache()
    memory = await filled(store, cache)
    await store.apply(NS, [Delete(coordinate=at("1"))])
    async with cached(store, cache) as (rows, counting, _):
        assert await rows.fetch(NS, [memory]) == {}
        assert counting.read == []


async def test_a_cached_row_is_not_shown_after_the_namespace_began_anew() -> None:
    """The first version of before is not the first version of now: positions tell them apart."""
    before, now, cache = InMemoryStore(), InMemoryStore(), InMemoryCache()
    memory = await filled(before, cache)
    await now.apply("other", [an_upsert("1")])  # the log goes on across an erase
    again = written(await now.apply(NS, [an_upsert("1", payload={"v": "anew"})]))
    assert (again.id, again.version) == (memory, 1)
    async with cached(now, cache) as (rows, _, _):
        assert (await rows.fetch(NS, [memory]))[memory].draft.payload == {"v": "anew"}


async def test_two_databases_on_one_cache_never_show_each_others_rows() -> None:
    ours, theirs, cache = InMemoryStore(), InMemoryStore(), InMemoryCache()
    memory = await filled(ours, cache)
    other = written(await theirs.apply(NS, [an_upsert("1", payload={"v": "theirs"})]))
    assert (other.id, other.position) == (memory, 1)
    for store, value in ((theirs, "theirs"), (ours, 1), (theirs, "theirs"), (ours, 1)):
        async with cached(store, cache) as (rows, _, _):
            assert (await rows.fetch(NS, [memory]))[memory].draft.payload == {"v": value}


async def test_a_row_of_a_log_that_was_set_back_is_not_shown() -> None:
    """A copy of the data put in the place of what it was copied from: all names are the same."""
    before, now, cache = InMemoryStore(), InMemoryStore(), InMemoryCache()
    memory = await filled(before, cache)
    again = written(await now.apply(NS, [an_upsert("1", payload={"v": "anew"})]))
    assert (again.id, again.position) == (memory, 1)
    cache.turn_to((await before.marks(NS, ())).log)
    now._name = before._name
    async with cached(now, cache) as (rows, counting, _):
        assert (await rows.fetch(NS, [memory]))[memory].draft.payload == {"v": "anew"}
        assert counting.read == [memory]


async def test_what_was_missing_is_kept_for_the_next() -> None:
    store, cache = InMemoryStore(), InMemoryCache()
    memory = written(await store.apply(NS, [an_upsert("1")])).id
    async with cached(store, cache) as (rows, counting, _):
        for _ in range(3):
            assert await rows.fetch(NS, [memory]) == await store.fetch(NS, [memory])
        assert counting.read.count(memory) == 1


async def test_an_outage_of_the_store_is_not_hidden_by_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, cache = InMemoryStore(), InMemoryCache()
    memory = await filled(store, cache)

    async def down(*_: object) -> Marks:
        raise Unavailable("down")

    monkeypatch.setattr(store, "marks", down)
    async with cached(store, cache) as (rows, _, _):
        with pytest.raises(Unavailable):
            await rows.fetch(NS, [memory])


async def test_a_deleted_memory_leaves_the_cache_at_once() -> None:
    class Views:
        async def apply(self, *_: object) -> None: ...

    store, cache = InMemoryStore(), InMemoryCache()
    memory = await filled(store, cache)
    [row] = (await store.fetch(NS, [memory])).values()
    await store.apply(NS, [Delete(coordinate=at("1"))])
    gone = await store.view_rows(NS, [memory], model_revision="r")
    await Forgetting(Views(), cache).apply(NS, gone, [])
    await cache.keep(NS, [row])
    assert await cache.fetch(NS, [memory]) == {}
