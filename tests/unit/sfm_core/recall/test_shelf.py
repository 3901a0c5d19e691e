"""Views put aside on disk: a start that reads nothing else, and every reason not to trust them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from sfm_core.adapters.view_files import DiskViewFiles
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Unavailable
from sfm_core.model import MemoryDraft, Mode, StoreItem, ViewRow
from sfm_core.recall import keeping
from sfm_core.recall.saved_views import fingerprint
from tests.unit.sfm_core.recall.test_engine import POLICY, SwitchedStore, World, a_world, as_bytes

ROWS = 40
TEXTS = ("tea in the garden", "rain in lisbon", "the violin", "soup for ann")


@pytest.fixture(autouse=True)
def _small_views_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MIN_ROWS", 5)


class Watched(SwitchedStore):
    """Counts how often a namespace is read whole."""

    loads = 0

    async def load(
        self, namespace: str, *, model_revision: str
    ) -> AsyncIterator[Sequence[ViewRow]]:
        self._check()
        self.loads += 1
        async for rows in super().load(namespace, model_revision=model_revision):
            yield rows


async def filled(world: World, namespace: str = "acme") -> None:
    items = [
        StoreItem(
            coordinate=Coordinate.of([n]),
            draft=MemoryDraft(
                payload={"note": f"{TEXTS[n % 4]} {n}"},
                session=f"s{n % 3}",
                importance=float(n % 7),
                tags=("even",) if n % 2 == 0 else (),
            ),
        )
        for n in range(ROWS)
    ]
    await world.remember.store_many(namespace, items)


async def answers(world: World, namespace: str = "acme") -> list[bytes]:
    asked: list[dict[str, Any]] = [{}, {"mode": Mode.KEYWORD}, {"mode": Mode.VECTOR}]
    return [
        as_bytes(await world.ask("tea or rain", namespace, top_k=30, explain=True, **one))
        for one in asked
    ]


def restored(world: World) -> int:
    return sum(1 for name, labels in counted(world) if labels == {"event": "restored"} and name)


def counted(world: World) -> list[tuple[str, dict[str, str]]]:
    return [
        (name, dict(labels))
        for name, _, labels in world.telemetry.counted
        if name == "view_snapshots_total"
    ]


def put_aside(folder: Path) -> int:
    return len(list(folder.glob("*.view")))


async def a_saved(store: Watched, files: DiskViewFiles) -> list[bytes]:
    """Fill, answer, and leave in good order."""
    async with a_world(store, files=files) as world:
        await filled(world)
        return await answers(world)


async def test_a_second_start_reads_no_namespace_whole_and_answers_alike(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    before = await a_saved(store, files)
    loads = store.loads
    async with a_world(store, files=files) as world:
        assert await answers(world) == before
        assert store.loads == loads
        assert restored(world) == 1
        await world.put(2, "tea again")
        after = await answers(world)
    async with a_world(store) as fresh:
        assert await answers(fresh) == after


async def test_what_others_wrote_meanwhile_is_caught_up_with(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    await a_saved(store, files)
    async with a_world(store) as other:
        await other.put(1, "tea, changed")
        await other.put(700, "tea, new", importance=99.0)
        await other.remember.delete("acme", Coordinate.of([8]))
        expected = await answers(other)
    loads = store.loads
    async with a_world(store, files=files) as world:
        assert await answers(world) == expected
        assert store.loads == loads
        views = world.engine.views.loaded()["acme"], other.engine.views.loaded()["acme"]
        assert fingerprint(views[0]) == fingerprint(views[1])


async def test_a_view_of_other_memories_is_refused_though_its_stamp_is_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A database put back to an earlier state: its tokens and names are the same, its rows not."""
    store, files = Watched(), DiskViewFiles(tmp_path)
    await a_saved(store, files)
    space = store._spaces["acme"]
    lost = space.rows.pop(next(iter(space.rows)))
    loads = store.loads
    async with a_world(store, files=files) as world:
        found = await world.ask("tea", top_k=50, mode=Mode.KEYWORD)
        assert lost.memory.id not in {hit.memory.id for hit in found.hits}
    assert store.loads == loads + 1
    assert ("snapshot.refused", "it holds other memories than the store") in [
        (r.message, getattr(r, "reason", "")) for r in caplog.records
    ]


@pytest.mark.parametrize("difference", ["database", "version", "language"])
async def test_a_view_from_elsewhere_is_not_taken_back(tmp_path: Path, difference: str) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    expected = await a_saved(store, files)
    policy = POLICY
    if difference == "database":
        store._name = "another"
    elif difference == "version":
        policy = replace(POLICY, version="2")
    else:
        policy = replace(POLICY, language="german")
    loads = store.loads
    async with a_world(store, policy, files=files) as world:
        found = await answers(world)
        assert store.loads == loads + 1
        assert restored(world) == 0
    if difference != "language":
        assert found == expected


async def test_a_damaged_file_costs_a_load_and_no_answer(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    expected = await a_saved(store, files)
    path = tmp_path / "acme.view"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))
    async with a_world(store, files=files) as world:
        assert await answers(world) == expected


async def test_a_dropped_view_leaves_nothing_on_disk(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    await a_saved(store, files)
    async with a_world(store, files=files) as world:
        await world.ask("tea")
        assert (tmp_path / "acme.view").exists()
        await world.engine.views.drop("acme")
        assert not (tmp_path / "acme.view").exists()
    assert not (tmp_path / "acme.view").exists()


async def test_an_outage_leaves_what_was_put_aside(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    expected = await a_saved(store, files)
    async with a_world(store, files=files) as world:
        store.down = True
        with pytest.raises(Unavailable):
            await world.ask("tea")
        store.down = False
        loads = store.loads
        assert await answers(world) == expected
        assert store.loads == loads


async def test_an_evicted_view_comes_back_from_disk(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    names = [f"n{i}" for i in range(4)]
    async with a_world(store) as world:
        for name in names:
            await filled(world, name)
        expected = {name: await answers(world, name) for name in names}
    async with a_world(store, replace(POLICY, budget_bytes=1), files=files) as world:
        for name in names:
            await world.ask("tea", name)
        with anyio.fail_after(5):
            while put_aside(tmp_path) < 4:  # in the background
                await anyio.lowlevel.checkpoint()
        loads = store.loads
        for name in names:
            assert await answers(world, name) == expected[name]
        assert store.loads == loads
        assert restored(world) >= 3


async def test_a_start_forgets_the_views_of_namespaces_that_are_gone(tmp_path: Path) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    await a_saved(store, files)
    async with a_world(Watched(), files=files) as other:
        await other.engine.warm_up()
    assert not (tmp_path / "acme.view").exists()
