"""Erasing in a process that recalls and writes."""

from collections.abc import Sequence
from typing import Any, cast

import anyio
import pytest

from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, Misconfigured, SfmError, Unavailable
from sfm_core.factory import create_memory_system
from sfm_core.generations import Generations
from sfm_core.model import F32, Applied, EmbedderInfo, MemoryDraft, RecallQuery
from sfm_core.recall.erased import ErasableCache
from tests.unit.sfm_api.twin_runtime import TWINS, twin_runtime

TEA = MemoryDraft(payload={"said": "Ada drinks green tea"})


class HeldEmbedder:
    """The hash embedder, which waits when told."""

    def __init__(self) -> None:
        self._embedder = HashEmbedder()
        self.asked, self.go_on = anyio.Event(), anyio.Event()
        self.holds = False

    @property
    def info(self) -> EmbedderInfo:
        return self._embedder.info

    async def embed(self, texts: Sequence[str]) -> F32:
        if self.holds:
            self.asked.set()
            await self.go_on.wait()
        return await self._embedder.embed(texts)

    def statistics(self) -> EmbedderStatistics:
        return self._embedder.statistics()


async def test_a_store_whose_embedding_outlasts_an_erasure_is_refused_and_stores_nothing() -> None:
    embedder = HeldEmbedder()
    async with twin_runtime(embedder=embedder) as runtime:
        await runtime.remember.store("a", Coordinate("1"), TEA)
        embedder.holds = True
        refused: list[Conflict] = []

        async def store() -> None:
            try:
                await runtime.remember.store("a", Coordinate("2"), TEA)
            except Conflict as error:
                refused.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store)
            await embedder.asked.wait()
            await runtime.erase.erase("a")
            embedder.go_on.set()
        assert [error.retriable for error in refused] == [True]
        assert (await runtime.records.stats("a")).total == 0
        embedder.holds = False
        again = await runtime.remember.store("a", Coordinate("2"), TEA)
        assert (again.version, again.created) == (1, True)


async def test_recalls_find_nothing_of_what_was_erased_and_all_that_came_after() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        for n in range(5):
            await memory.store((n,), {"said": f"green tea {n}"})
        assert len((await memory.recall("green tea")).hits) == 5
        receipt = await memory.erase()
        views = next(one for one in receipt.stores if one.store == "views")
        assert (views.removed, views.left, receipt.complete) == (5, 0, True)
        assert (await memory.recall("green tea")).hits == ()
        await memory.store((9,), {"said": "green tea anew"})
        found = await memory.recall("green tea")
    assert [hit.memory.coordinate.text for hit in found.hits] == ["9"]


class StoppedCache:
    """A projection that does not answer, or not to us."""

    def __init__(self, error: SfmError) -> None:
        self._error = error

    async def forget(self, namespace: str, *, position: int) -> int:
        raise self._error

    async def held(self, namespace: str) -> int:
        raise AssertionError(namespace)


@pytest.mark.parametrize("error", [Unavailable("down"), Misconfigured("the key is wrong")])
async def test_what_does_not_answer_is_said_and_fails_nothing(error: SfmError) -> None:
    async with twin_runtime() as runtime:
        await runtime.remember.store("a", Coordinate("1"), TEA)
        runtime.erase._projections = {"cache": StoppedCache(error), **runtime.erase._projections}
        woken: list[str] = []
        runtime.erase._wake = woken.append
        receipt = await runtime.erase.erase("a")
        assert woken == ["a"]
        left = {one.store: one.left for one in receipt.stores}
        assert (left["cache"], left["views"], receipt.complete) == (None, 0, False)


async def test_a_read_cache_is_dropped_up_to_the_erasure() -> None:
    dropped: list[tuple[str, int]] = []

    class Cache:
        async def drop(self, namespace: str, *, position: int) -> int:
            dropped.append((namespace, position))
            return 3

    cache = ErasableCache(cast("Any", Cache()))
    assert (await cache.forget("a", position=7), await cache.held("a")) == (3, 0)
    assert dropped == [("a", 7)]


async def test_a_view_of_another_process_goes_with_the_next_poll() -> None:
    """Only the store was told here, as when another process erases."""
    async with twin_runtime() as runtime:
        await runtime.remember.store("a", Coordinate("1"), TEA)
        question = RecallQuery(query="green tea")
        assert len((await runtime.recall.recall("a", question)).hits) == 1
        views = runtime.recall.views
        await runtime.erase._eraser.erase("a")
        await views.refresh()
        assert views.peek("a") is None
        assert (await runtime.recall.recall("a", question)).hits == ()


@pytest.mark.parametrize("erases", [False, True])
async def test_rows_of_an_earlier_life_are_not_shown_to_the_view_of_the_next(
    erases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that was committed before the erasure and is shown after it."""
    async with twin_runtime() as runtime:
        commits = runtime.remember._commits
        shown: list[str] = []
        written = runtime.records.apply

        async def apply(namespace: str, *_: object) -> None:
            shown.append(namespace)

        async def written_then_erased(namespace: str, *rest: Any, **more: Any) -> Applied:
            applied = await written(namespace, *rest, **more)
            if erases:
                commits._generations.note(namespace, applied.generation + 1)
            return applied

        monkeypatch.setattr(runtime.recall.views, "apply", apply)
        monkeypatch.setattr(runtime.records, "apply", written_then_erased)
        await runtime.remember.store("a", Coordinate("1"), TEA)
    assert shown == ([] if erases else ["a"])


async def test_a_noted_generation_is_read_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generations, reads = Generations(), 0

    async def read(_: str) -> int:
        nonlocal reads
        reads += 1
        return reads

    assert [await generations.now("a", read) for _ in range(3)] == [1, 1, 1]
    monkeypatch.setattr("sfm_core.generations.TRUSTED_S", 0.0)
    assert await generations.now("a", read) == 2
    generations.note("a", 1)
    assert generations.known("a") == 2
