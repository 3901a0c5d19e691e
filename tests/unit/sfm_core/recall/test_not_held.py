"""Without a view in memory: paths and digests of links all the same, and no vectors held."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.coordinates import Coordinate
from sfm_core.errors import DeadlineExceeded, InvalidInput, Unavailable
from sfm_core.factory import create_memory_system
from sfm_core.model import PathQuery, ViewRow
from sfm_core.recall.holding import NotHeld
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.system import MemorySystem
from tests.unit.sfm_api.twin_runtime import TWINS

OFF = replace(TWINS, fast_core=False)
SMALL = replace(TWINS, slab_max_bytes=1000)


async def filled(memory: MemorySystem) -> None:
    for n in range(8):
        await memory.store((n,), {"said": f"green tea number {n}"})
    for origin, target, weight in ((0, 1, 5.0), (1, 3, 5.0), (0, 2, 1.0), (2, 3, 1.0), (3, 4, 2.0)):
        await memory.link((origin,), (target,), weight=weight)


async def places(memory: MemorySystem, origin: int, target: int, **asked: Any) -> list[str]:
    return [one.text for one in (await memory.path((origin,), (target,), **asked)).coordinates]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the namespaces that are read whole, from now on."""
    loads: list[str] = []
    load = InMemoryStore.load

    async def noted(
        self: InMemoryStore, namespace: str, *, model_revision: str
    ) -> AsyncIterator[Sequence[ViewRow]]:
        loads.append(namespace)
        async for rows in load(self, namespace, model_revision=model_revision):
            yield rows

    monkeypatch.setattr(InMemoryStore, "load", noted)
    return loads


@pytest.mark.parametrize("settings", [TWINS, OFF, SMALL])
async def test_a_path_is_the_same_with_and_without_a_view(settings: CoreSettings) -> None:
    async with create_memory_system("evented_enterprise", "a", settings) as memory:
        await filled(memory)
        whole = await memory.path((0,), (4,))
        assert [one.text for one in whole.coordinates] == ["0", "1", "3", "4"]
        assert whole.weight == pytest.approx(1 / (0.2 + 0.2 + 0.5))
        assert await places(memory, 4, 0) == []
        assert await places(memory, 0, 4, type="other") == []
        position = (await memory.unlink((1,), (3,))).position
        assert await places(memory, 0, 4, min_position=position) == ["0", "2", "3", "4"]
        await memory.delete((2,))
        assert await places(memory, 0, 4) == []


@pytest.mark.parametrize("settings", [TWINS, OFF, SMALL])
async def test_no_path_leads_through_what_has_expired(settings: CoreSettings) -> None:
    async with create_memory_system("evented_enterprise", "a", settings) as memory:
        await filled(memory)
        assert await places(memory, 0, 3) == ["0", "1", "3"]
        graphs = memory.runtime.graph._graphs
        later = datetime.now(UTC) + timedelta(days=2)
        await memory.store((1,), {"said": "tea"}, expires_at=later - timedelta(days=1))
        ids = [(await memory.get((n,))).id for n in (0, 2, 3)]
        way = await graphs.shortest_path("a", ids[0], ids[2], type=None, min_position=0, now=later)
        assert way is not None
        assert list(way[0]) == ids


@pytest.mark.parametrize("settings", [OFF, SMALL])
async def test_what_is_not_held_is_not_read_again_and_no_vector_stays(
    settings: CoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with create_memory_system("evented_enterprise", "a", settings) as memory:
        await filled(memory)
        await memory.recall("tea")  # finds out that it is too large
        loads = watched(monkeypatch)
        views = memory.runtime.recall.views
        for _ in range(2):
            await places(memory, 0, 4)
            await memory.rebuild("graph")
            with pytest.raises(NotHeld):
                await views.entry("a")
            with pytest.raises(InvalidInput):
                await memory.rebuild("slab")
        assert views.totals() == (0, 0, 0)
        assert loads == []


@pytest.mark.parametrize("settings", [OFF, SMALL])
async def test_a_graph_is_sound_without_a_view_and_slab_and_words_are_refused(
    settings: CoreSettings,
) -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        expected = (await memory.rebuild("graph")).after
    async with create_memory_system("evented_enterprise", "a", settings) as memory:
        await filled(memory)
        done = await memory.rebuild("graph")
        assert (done.before, done.after, done.truth) == (None, expected, expected)
        assert done.after.count == 5
        for projection in ("slab", "lexical"):
            with pytest.raises(InvalidInput, match="nothing to build anew") as refused:
                await memory.rebuild(projection)
            assert [fault.path for fault in refused.value.faults] == ["/projection"]
        for projection in ("vectors", "cache"):
            assert (await memory.rebuild(projection)).is_sound


async def test_a_namespace_that_was_too_large_is_loaded_again_once_it_is_erased() -> None:
    settings = replace(TWINS, slab_max_bytes=40_000)
    async with create_memory_system("evented_enterprise", "a", settings) as memory:
        for n in range(60):
            await memory.store((n,), {"said": f"green tea number {n}"})
        assert (await memory.recall("tea")).degraded == ("slab",)
        await memory.erase()
        await memory.store((1,), {"said": "green tea"})
        assert (await memory.recall("tea")).degraded == ()


async def test_while_a_view_is_long_to_load_paths_are_found_in_the_links(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        await memory.runtime.recall.views.drop("a")
        gate = anyio.Event()

        load = InMemoryStore.load

        async def held(
            self: InMemoryStore, namespace: str, *, model_revision: str
        ) -> AsyncIterator[Sequence[ViewRow]]:
            await gate.wait()
            async for rows in load(self, namespace, model_revision=model_revision):
                yield rows

        with monkeypatch.context() as patch:
            patch.setattr(InMemoryStore, "load", held)
            memory.runtime.recall.views._started("a").begun -= 1e6
            assert await places(memory, 0, 4) == ["0", "1", "3", "4"]
        gate.set()


@pytest.mark.parametrize("settings", [OFF, SMALL])
async def test_outages_and_positions_beyond_the_log_are_told_as_with_a_view(
    settings: CoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = replace(settings, recall_deadline_seconds=0.3)
    async with create_memory_system("evented_enterprise", "a", quick) as memory:
        await filled(memory)
        with suppress(DeadlineExceeded):
            await places(memory, 0, 4)
        query = PathQuery(
            origin=Coordinate("0"), target=Coordinate("4"), type=None, min_position=10_000
        )
        with pytest.raises(DeadlineExceeded):
            await memory.runtime.graph.path("a", query)

        def down(*_: object) -> Any:
            raise Unavailable("the store does not answer")

        monkeypatch.setattr(InMemoryStore, "load_links", down)
        with pytest.raises(Unavailable):
            await memory.runtime.graph.path("a", replace(query, min_position=0))
