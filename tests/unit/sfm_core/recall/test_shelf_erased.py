"""An erasure leaves nothing on disk: whatever is being saved, evicted or polled meanwhile."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.view_files import DiskViewFiles
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, Unavailable
from sfm_core.log.erase import Erase
from sfm_core.model import ErasureReceipt, MemoryDraft, StoreItem
from sfm_core.model.saved import SavedView
from sfm_core.owned import OwnedJobs
from sfm_core.recall import keeping, shelf
from sfm_core.recall.erased import ErasableViews
from tests.unit.sfm_core.recall.test_engine import POLICY, World, a_world
from tests.unit.sfm_core.recall.test_shelf import Watched, a_saved, filled

CANARY = "zanzibarcanary"


@pytest.fixture(autouse=True)
def _small_views_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MIN_ROWS", 1)


class HeldFiles:
    """Savings of one namespace wait, after the decision to save and before the first byte."""

    def __init__(self, folder: Path, holds: str = "") -> None:
        self._files = DiskViewFiles(folder)
        self.load, self.drop = self._files.load, self._files.drop
        self.held, self.keep_only = self._files.held, self._files.keep_only
        self.holds = holds
        self.saving, self.go_on = anyio.Event(), anyio.Event()
        self.begun: list[str] = []

    async def save(self, namespace: str, view: SavedView, *, stamp: str) -> bool:
        self.begun.append(namespace)
        if namespace == self.holds:
            self.saving.set()
            await self.go_on.wait()
        return await self._files.save(namespace, view, stamp=stamp)


def an_erase(world: World, jobs: OwnedJobs) -> Erase:
    return Erase(
        eraser=InMemoryEraser(world.store),
        projections={"views": ErasableViews(world.engine.views)},
        generations=world.remember._commits._generations,
        jobs=jobs,
    )


async def erased(world: World, namespace: str) -> ErasureReceipt:
    async with OwnedJobs.open() as jobs:
        return await an_erase(world, jobs).erase(namespace)


def left(receipt: ErasureReceipt) -> int | None:
    [views] = [one for one in receipt.stores if one.store == "views"]
    return views.left


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_an_erasure_waits_for_the_saving_of_an_evicted_view(tmp_path: Path) -> None:
    store, files = Watched(), HeldFiles(tmp_path, "n0")
    async with a_world(store) as world:
        for name in ("n0", "n1"):
            await filled(world, name)
    async with a_world(store, replace(POLICY, budget_bytes=1), files=files) as world:
        await world.ask("tea", "n0")
        await world.ask("tea", "n1")
        await files.saving.wait()
        assert world.engine.views.peek("n0") is None, "evicted"
        receipts: list[ErasureReceipt] = []

        async def erase() -> None:
            receipts.append(await erased(world, "n0"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(erase)
            await anyio.wait_all_tasks_blocked()
            assert receipts == [], "what is being written is waited for"
            files.go_on.set()
        assert [(left(one), one.complete) for one in receipts] == [(0, True)]
        assert "n0.view" not in names(tmp_path)
    assert "n0.view" not in names(tmp_path)


async def test_a_saving_that_waits_for_its_turn_comes_to_nothing(tmp_path: Path) -> None:
    """Of a view that was evicted, behind the saving of another."""
    store, files = Watched(), HeldFiles(tmp_path, "n0")
    async with a_world(store) as world:
        for name in ("n0", "n1", "n2"):
            await filled(world, name)
    async with a_world(store, replace(POLICY, budget_bytes=1), files=files) as world:
        for name in ("n0", "n1", "n2"):
            await world.ask("tea", name)
        await files.saving.wait()
        assert world.engine.views.peek("n1") is None, "evicted"
        assert left(await erased(world, "n1")) == 0
        files.go_on.set()
    assert "n1" not in files.begun
    assert names(tmp_path) == ["n0.view", "n2.view"]


async def test_what_a_poll_drops_is_not_put_aside_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the store was told here, as when another process erases."""
    monkeypatch.setattr(shelf, "PAUSE_S", -1.0)
    store, files = Watched(), HeldFiles(tmp_path)
    async with a_world(store) as world:
        await filled(world)
    async with a_world(store, replace(POLICY, poll_s=1e6), files=files) as world:
        await world.ask("tea")
        entry = world.engine.views.peek("acme")
        assert entry is not None
        while entry.is_being_shelved:
            await anyio.lowlevel.checkpoint()
        files.begun.clear()
        entry.unsaved = entry.view.live
        await InMemoryEraser(store).erase("acme")
        await world.engine.views.refresh()
        await anyio.wait_all_tasks_blocked()
        assert world.engine.views.peek("acme") is None
        assert (files.begun, entry.is_being_shelved) == ([], False)
    assert names(tmp_path) == []


async def test_rows_of_an_earlier_life_are_not_saved_under_the_stamp_of_the_next(
    tmp_path: Path,
) -> None:
    """Erased elsewhere, and this process has not heard of it when it closes."""
    store, files = Watched(), HeldFiles(tmp_path)
    async with a_world(store) as world:
        await filled(world)
    async with a_world(store, replace(POLICY, poll_s=1e6), files=files) as world:
        await world.ask("tea")
        entry = world.engine.views.peek("acme")
        assert entry is not None
        while entry.is_being_shelved:
            await anyio.lowlevel.checkpoint()
        await files.drop("acme")
        files.begun.clear()
        entry.unsaved = entry.view.live
        await InMemoryEraser(store).erase("acme")
    assert files.begun == []
    assert names(tmp_path) == []


async def test_a_view_that_began_empty_is_put_aside_all_the_same(tmp_path: Path) -> None:
    files = HeldFiles(tmp_path)
    async with a_world(files=files) as world:
        await world.ask("tea")
        await filled(world)
        await world.ask("tea")
    assert names(tmp_path) == ["acme.view"]


async def test_a_file_that_cannot_be_removed_is_in_the_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, files = Watched(), DiskViewFiles(tmp_path)
    await a_saved(store, files)
    removed = Path.unlink

    def refused(path: Path, *rest: Any, **more: Any) -> None:
        if path.suffix == ".view":
            raise PermissionError(path)
        removed(path, *rest, **more)

    async with a_world(store, files=files) as world:
        await world.ask("tea")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refused)
            receipt = await erased(world, "acme")
        assert (left(receipt), receipt.complete) == (1, False)
        assert "snapshot.not_removed" in [record.message for record in caplog.records]
        again = await erased(world, "acme")
        assert (left(again), again.complete) == (0, True)
    assert names(tmp_path) == []


async def test_no_word_of_what_was_erased_is_on_disk_whatever_is_saved_and_evicted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "PAUSE_S", -1.0)
    spaces = [f"n{i}" for i in range(4)]
    files = DiskViewFiles(tmp_path)
    saved = 0
    async with a_world(None, replace(POLICY, budget_bytes=1), files=files) as world:

        async def fill(namespace: str, round_: int) -> None:
            items = [
                StoreItem(
                    coordinate=Coordinate.of([n]),
                    draft=MemoryDraft(payload={"note": f"tea {CANARY}{namespace}r{round_}x {n}"}),
                )
                for n in range(8)
            ]
            await world.remember.store_many(namespace, items)

        async def stir(namespace: str, until: anyio.Event) -> None:
            others = [name for name in spaces if name != namespace]
            turn = 0
            while not until.is_set():
                for name in (others[turn % len(others)], namespace):
                    with suppress(Unavailable):  # erased again and again while its view is built
                        await world.ask("tea", name)
                with suppress(Conflict):
                    await world.put(100 + turn % 5, f"rain {turn}", others[turn % len(others)])
                turn += 1

        for round_ in range(16):
            namespace = spaces[round_ % len(spaces)]
            await fill(namespace, round_)
            until = anyio.Event()
            async with anyio.create_task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(stir, namespace, until)
                for _ in range(round_):  # erased at another moment in each round
                    await world.ask("tea", namespace)
                saved += len(names(tmp_path))
                receipt = await erased(world, namespace)
                assert (left(receipt), receipt.complete) == (0, True)
                assert_gone(tmp_path, f"{CANARY}{namespace}r{round_}x")
                until.set()
            assert_gone(tmp_path, f"{CANARY}{namespace}r{round_}x")
    for namespace in spaces:
        assert_gone(tmp_path, f"{CANARY}{namespace}")
    assert saved, "or nothing was there to be erased"


def assert_gone(folder: Path, word: str) -> None:
    for path in folder.iterdir():
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # renamed meanwhile, to a name that is looked at too
            continue
        assert word.encode() not in content, path.name
