"""Digests of views: they see every fault, and a rebuilt view is sound."""

from dataclasses import replace

import numpy as np
import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.errors import InvalidInput
from sfm_core.factory import create_memory_system
from sfm_core.model import F32, Digest, Projected
from sfm_core.recall.digests import graph_digest, lexical_digest, slab_digest
from sfm_core.system import MemorySystem
from tests.unit.sfm_api.twin_runtime import TWINS


async def filled(memory: MemorySystem) -> None:
    for n in range(6):
        await memory.store((n,), {"said": f"green tea number {n}"})
    await memory.link((1,), (2,))
    await memory.recall("tea")


@pytest.mark.parametrize("projection", ["slab", "lexical", "graph"])
async def test_a_damaged_view_is_found_out_and_mended(projection: str) -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        sound = await memory.rebuild(projection)
        assert (sound.before, sound.after) == (sound.truth, sound.truth)
        await memory.recall("tea")
        view = memory.runtime.recall.views.loaded()["a"]
        if projection == "slab":
            view._slab._vectors[0], view._slab._vectors[1] = (
                view._slab._vectors[1].copy(), view._slab._vectors[0].copy(),
            )  # fmt: skip
        elif projection == "lexical":
            view._lexical._postings["tea"][0] = 1
        else:
            view._edges._weight.view()[0] = 0.5
            view._edges._snapshot = None
        view._snapshot = None
        found = await memory.rebuild(projection)
        assert found.before != found.truth
        assert found.after == found.truth
        assert found.is_sound


async def test_vectors_that_are_missing_are_made_again() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        whole = await memory.rebuild("vectors")
        assert whole.before == whole.after == whole.truth
        store = memory.runtime.records
        space = store.begin("a", None)  # type: ignore[attr-defined]  # the twin
        row = space.rows[Coordinate("3")]
        space.rows[Coordinate("3")] = replace(row, vector=None)
        store.commit("a", space)  # type: ignore[attr-defined]
        mended = await memory.rebuild("vectors")
        assert mended.before is not None
        assert (mended.before.count, mended.is_sound) == (5, True)
        assert mended.after == whole.after


async def test_a_vector_that_is_another_memorys_is_seen_and_put_right() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        whole = await memory.rebuild("vectors")
        assert whole.before == whole.after == whole.truth
        store = memory.runtime.records
        space = store.begin("a")  # type: ignore[attr-defined]  # the twin
        one, other = space.rows[Coordinate("3")], space.rows[Coordinate("4")]
        xid = await store.token()  # type: ignore[attr-defined]
        space.rows[Coordinate("3")] = replace(one, vector=other.vector, xid=xid)
        store.commit("a", space)  # type: ignore[attr-defined]
        mended = await memory.rebuild("vectors")
        assert mended.before is not None
        assert mended.before.count == whole.truth.count
        assert mended.before != mended.truth
        assert mended.after == mended.truth == whole.truth


async def test_a_view_takes_over_the_vector_that_was_put_right() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        view = memory.runtime.recall.views.loaded()["a"]
        row = next(iter(view._row_of.values()))
        view._slab._vectors[row] = view._slab._vectors[row + 1].copy()
        view._snapshot = None
        store = memory.runtime.records
        space = store.begin("a")  # type: ignore[attr-defined]  # the twin
        where = next(c for c, r in space.rows.items() if r.memory.id.bytes == view._ids[row])
        space.rows[where] = replace(space.rows[where], vector=view._slab._vectors[row].copy())
        store.commit("a", space)  # type: ignore[attr-defined]
        await memory.rebuild("vectors")
        await memory.runtime.recall.views.refresh()
        sound = await memory.rebuild("slab")
        assert sound.before == sound.truth


async def test_vectors_are_made_again_in_portions_that_add_up() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        for n in range(200):
            await memory.store((n,), {"said": f"green tea number {n}"})
        whole = await memory.rebuild("vectors")
        assert whole.next is None
        found, behind = Digest(0, 0), None
        portions = 0
        while portions == 0 or behind is not None:
            done = await memory.runtime.rebuild.rebuild(
                "a", Projected.VECTORS, after=behind, within_s=0.0
            )
            assert done.is_sound
            found, behind, portions = found + done.truth, done.next, portions + 1
        assert portions >= 4
        assert found == whole.truth


async def test_a_write_that_comes_in_between_wins() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        await filled(memory)
        store = memory.runtime.records
        space = store.begin("a")  # type: ignore[attr-defined]  # the twin
        row = space.rows[Coordinate("3")]
        space.rows[Coordinate("3")] = replace(row, vector=None)
        store.commit("a", space)  # type: ignore[attr-defined]
        rebuild = memory.runtime.rebuild
        embed = memory.runtime.embedder.embed

        class Overtaken:
            info = memory.runtime.embedder.info

            async def embed(self, texts: list[str]) -> F32:
                vectors = await embed(texts)
                await memory.store((3,), {"said": "quantum chromodynamics"})
                return vectors

        rebuild._revectoring._embedder = Overtaken()  # type: ignore[assignment]
        assert not (await rebuild.rebuild("a", Projected.VECTORS)).is_sound
        rebuild._revectoring._embedder = memory.runtime.embedder
        found = await rebuild.rebuild("a", Projected.VECTORS)
        assert found.before == found.after == found.truth


async def test_without_a_cache_there_is_nothing_to_empty() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        done = await memory.rebuild("cache")
        assert (done.before, done.after, done.is_sound) == (None, Digest(0, 0), True)


async def test_another_projection_is_refused() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        with pytest.raises(InvalidInput, match="projection"):
            await memory.rebuild("everything")


async def test_a_digest_does_not_depend_on_the_order_of_rows() -> None:
    async with (
        create_memory_system("evented_enterprise", "a", TWINS) as one,
        create_memory_system("evented_enterprise", "a", TWINS) as other,
    ):
        for memory, order in ((one, range(6)), (other, range(5, -1, -1))):
            for n in order:
                await memory.store((n,), {"said": f"green tea number {n}"})
            await memory.recall("tea")
        views = [m.runtime.recall.views.loaded()["a"].snapshot() for m in (one, other)]
        assert not np.array_equal(views[0].ids, views[1].ids)
        for digest in (slab_digest, lexical_digest, graph_digest):
            assert digest(views[0]) == digest(views[1])
    assert {one.value for one in Projected} == {"vectors", "slab", "lexical", "graph", "cache"}
