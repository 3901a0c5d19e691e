"""The registry of views: nothing lost between load, feed, local writes, eviction and the end."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from typing import Any

import anyio
import numpy as np
import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Corrupt, SfmError, Unavailable
from sfm_core.filters import Op, Term
from sfm_core.model import F32, Changes, MemoryDraft, Mode, RecallQuery, ViewRow
from sfm_core.recall.view import View
from tests.unit.sfm_core.recall.test_engine import (
    POLICY,
    SwitchedStore,
    World,
    a_world,
    as_bytes,
    shown,
)
from tests.unit.sfm_core.recall.test_rank import a_row, a_view


class Gated(SwitchedStore):
    """The next poll of just these namespaces, or the next load, waits before its snapshot."""

    poll_of: tuple[str, ...] = ()
    gate_loads = False

    def __init__(self) -> None:
        super().__init__()
        self.waiting, self.gate = anyio.Event(), anyio.Event()

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        if self.poll_of and tuple(namespaces) == self.poll_of:
            self.poll_of = ()
            self.waiting.set()
            await self.gate.wait()
        return await super().changes(token, namespaces, model_revision=model_revision)

    async def load(
        self, namespace: str, *, model_revision: str
    ) -> AsyncIterator[Sequence[ViewRow]]:
        async for rows in super().load(namespace, model_revision=model_revision):
            yield rows
        if self.gate_loads:
            self.waiting.set()
            await self.gate.wait()


async def test_a_namespace_loaded_while_a_poll_stands_in_line_misses_nothing() -> None:
    store = Gated()
    async with a_world(store) as here, a_world(store) as there:
        for namespace in ("one", "two"):
            await there.put(1, "tea", namespace)
        await here.ask("tea", "one")
        store.poll_of = ("one",)
        await store.waiting.wait()
        assert shown(await here.ask("tea", "two")) == [1]
        await there.put(2, "tea", "two")
        await there.remember.delete("two", Coordinate.of([1]))
        store.gate.set()
        position = await there.put(3, "tea", "two")
        found = await here.ask("tea", "two", min_position=position, mode=Mode.KEYWORD)
        assert sorted(shown(found)) == [2, 3]


async def test_what_another_process_commits_while_a_view_loads_is_caught_up_with() -> None:
    store = Gated()
    async with a_world(store, replace(POLICY, poll_s=60.0)) as here, a_world(store) as there:
        await there.put(1, "tea")
        store.gate_loads = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(here.ask, "tea")
            await store.waiting.wait()
            await there.put(2, "tea")
            await there.remember.delete("acme", Coordinate.of([1]))
            store.gate.set()
        assert shown(await here.ask("tea", mode=Mode.KEYWORD)) == [2]


class Counting(SwitchedStore):
    """Counts how often changes are read; the next catch-up of a load waits after it has read."""

    reads = 0
    gate_catch_up = False

    def __init__(self) -> None:
        super().__init__()
        self.waiting, self.gate = anyio.Event(), anyio.Event()

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        self.reads += 1
        found = await super().changes(token, namespaces, model_revision=model_revision)
        if self.gate_catch_up:
            self.gate_catch_up = False
            self.waiting.set()
            await self.gate.wait()
        return found


async def test_changes_are_read_only_when_something_was_committed() -> None:
    store = Counting()
    async with a_world(store, replace(POLICY, poll_s=60.0)) as here, a_world(store) as there:
        await there.put(1, "tea")
        await here.ask("tea")
        views = here.engine.views
        await views.refresh()
        before = store.reads
        await views.refresh()
        await views.refresh()
        assert store.reads == before
        await there.put(2, "tea")
        await views.refresh()
        assert store.reads > before
        assert sorted(shown(await here.ask("tea"))) == [1, 2]


async def test_a_commit_between_the_end_of_a_load_and_the_poll_that_misses_it_is_seen_soon() -> (
    None
):
    store = Counting()
    async with a_world(store, replace(POLICY, poll_s=60.0)) as here, a_world(store) as there:
        await there.put(1, "tea")
        store.gate_catch_up = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(here.ask, "tea")
            await store.waiting.wait()
            await there.put(2, "tea")
            await here.engine.views.refresh()  # not of this view: it is not loaded yet
            store.gate.set()
        await here.engine.views.refresh()
        assert sorted(shown(await here.ask("tea"))) == [1, 2]


async def test_importances_of_another_process_reach_the_norms() -> None:
    async with a_world() as here, a_world(here.store) as there:
        await here.put(1, "tea", importance=1.0)
        await here.ask("tea")
        position = await there.put(2, "tea", importance=9.0)
        await here.ask("tea", min_position=position)
        assert await here.engine.norms("acme", [1.0, 5.0, 9.0]) == [0.0, 0.5, 1.0]
        async with a_world(here.store) as fresh:
            assert await fresh.engine.norms("acme", [1.0, 5.0, 9.0]) == [0.0, 0.5, 1.0]


async def test_a_caller_cancelled_by_asyncio_itself_leaves_no_half_written_view() -> None:
    async with a_world() as world:
        await world.put(0, "tea")
        await world.ask("tea")
        draft = MemoryDraft(payload={"note": "tea " + "x" * 6000})  # large: applied on a thread
        for at in range(1, 12):
            write = world.remember.store("acme", Coordinate.of([at]), draft)
            task = asyncio.ensure_future(write)
            for _ in range(at):
                await anyio.lowlevel.checkpoint()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        position = await world.put(100, "tea")
        found = await world.ask("tea", top_k=50, min_position=position)
        stored = await world.store.get("acme", [Coordinate.of([at]) for at in range(101)])
        assert sorted(shown(found)) == sorted(int(at.axes[0]) for at in stored)


# -- budget ------------------------------------------------------------------------------------


async def fill(world: World, namespace: str, count: int = 40) -> None:
    for at in range(count):
        await world.put(at, f"tea {at} {'x' * 50}", namespace)


async def test_a_view_is_prepared_for_searches_before_it_answers_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: list[int] = []
    monkeypatch.setattr(View, "prepare", lambda view: prepared.append(view.rows))
    store = Gated()
    async with a_world(store) as there, a_world(store) as here:
        await fill(there, "one")
        prepared.clear()
        await here.ask("tea", "one")
    assert prepared == [40]


async def size_of_a_filled_view() -> int:
    async with a_world() as world:
        await fill(world, "one")
        await world.ask("tea", "one")
        return world.engine.views.loaded()["one"].nbytes


async def test_the_least_recently_used_view_goes_beyond_the_budget_and_comes_back() -> None:
    budget_bytes = int(3.5 * await size_of_a_filled_view())
    async with a_world(policy=replace(POLICY, budget_bytes=budget_bytes)) as world:
        for namespace in ("one", "two", "three", "four"):
            await fill(world, namespace)
        views = world.engine.views
        before = as_bytes(await world.ask("tea 7", "one"))
        for namespace in ("two", "three", "one", "four"):
            await world.ask("tea 7", namespace)
        assert set(views.loaded()) == {"three", "one", "four"}
        assert views.totals()[2] <= budget_bytes
        await views.drop("one")
        assert as_bytes(await world.ask("tea 7", "one")) == before


async def test_writes_count_for_the_budget_too() -> None:
    budget_bytes = int(1.5 * await size_of_a_filled_view())
    async with a_world(policy=replace(POLICY, budget_bytes=budget_bytes)) as world:
        for namespace in ("one", "two"):
            await world.ask("tea", namespace)
        assert set(world.engine.views.loaded()) == {"one", "two"}  # empty, both fit
        for namespace in ("one", "two"):
            await fill(world, namespace)
        assert len(world.engine.views.loaded()) == 1
        assert world.engine.views.totals()[2] <= budget_bytes


async def test_columns_of_a_filter_count_for_the_budget_too() -> None:
    async with a_world() as world:
        await fill(world, "acme")
        await world.ask("tea", "acme")
        before = world.engine.views.totals()[2]
        await world.ask("tea", "acme", filter=Term("note", Op.EXISTS, True))
        assert world.engine.views.totals()[2] == world.engine.views.loaded()["acme"].nbytes
        assert world.engine.views.totals()[2] > before


async def test_unknown_namespaces_do_not_push_out_a_real_one() -> None:
    async with a_world(policy=replace(POLICY, budget_bytes=400_000)) as world:
        await fill(world, "acme")
        await world.ask("tea", "acme")
        for number in range(60):
            await world.ask("tea", f"nobody-{number}")
        assert "acme" in world.engine.views.loaded()
        assert world.engine.views.totals()[2] <= 400_000


async def test_an_evicted_view_does_not_answer_for_a_position_it_has_not_seen() -> None:
    store = Gated()
    seldom = replace(POLICY, poll_s=60.0)  # polls in step with the wait below would never end it
    async with a_world(store) as here, a_world(store, seldom) as there:
        await here.put(1, "tea")
        await here.ask("tea")
        store.poll_of = ("acme",)
        await store.waiting.wait()
        position = await there.put(2, "tea")
        found: list[list[int]] = []

        async def ask() -> None:
            found.append(sorted(shown(await here.ask("tea", min_position=position))))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            await here.engine.views.drop("acme")
            store.gate.set()
        assert found == [[1, 2]]


# -- faults stay where they are ----------------------------------------------------------------


class Faulty(SwitchedStore):
    fault: Exception | None = None

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        found = await super().changes(token, namespaces, model_revision=model_revision)
        if isinstance(self.fault, KeyError):
            bad = np.zeros(7, dtype=np.float32)
            rows = [replace(r, vector=bad, version=r.version + 1) for r in found.rows]
            return replace(found, rows=tuple(rows))
        if self.fault is not None:
            raise self.fault
        return found


@pytest.mark.parametrize("fault", [Corrupt("damage"), ValueError("a bug"), SfmError("odd")])
async def test_no_error_of_the_feed_ends_the_process(fault: Exception) -> None:
    store = Faulty()
    async with a_world(store) as world:
        await world.put(1, "tea")
        await world.ask("tea")
        store.fault = fault
        with pytest.raises(SfmError):
            await world.engine.views.refresh()
        store.fault = None
        await world.engine.views.refresh()
        assert shown(await world.ask("tea")) == [1]


async def test_a_bad_row_costs_its_own_namespace_a_rebuild_and_nobody_else_anything() -> None:
    store = Faulty()
    async with a_world(store) as here, a_world(store) as there:
        await there.put(1, "tea", "good")
        await here.ask("tea", "good")
        await there.put(1, "tea", "bad")
        await here.ask("tea", "bad")
        store.fault = KeyError()
        position = await there.put(2, "tea", "bad")
        await here.engine.views.refresh()
        assert "good" in here.engine.views.loaded()
        store.fault = None
        assert sorted(shown(await here.ask("tea", "bad", min_position=position))) == [1, 2]
        assert shown(await here.ask("tea", "good")) == [1]


async def test_closing_tells_waiting_recalls_so() -> None:
    store = Gated()
    store.gate_loads = True
    outcomes: list[object] = []

    async def ask(world: World) -> None:
        try:
            outcomes.append(await world.ask("tea"))
        except Unavailable as error:
            outcomes.append(error)

    async with anyio.create_task_group() as tasks, a_world(store) as world:
        tasks.start_soon(ask, world)
        await store.waiting.wait()
    assert [type(outcome) for outcome in outcomes] == [Unavailable]


async def test_the_last_try_shows_nothing_that_the_ranking_did_not_see() -> None:
    async with a_world() as here, a_world(here.store) as there:
        for at in range(1, 5):
            await here.put(at, "tea", payload={"state": "open"})
        is_open = Term("state", Op.EQ, "open")
        await here.ask("tea", filter=is_open)
        closing = iter([1, 2, 3])

        async def close_the_next() -> None:  # one more in each try
            if (at := next(closing, None)) is not None:
                await there.put(at, "tea", payload={"state": "secret"})
                here.store.before_fetch = close_the_next

        here.store.before_fetch = close_the_next
        found = await here.engine.recall("acme", RecallQuery(query="tea", filter=is_open))
        left = {*closing, 4}
        assert len(left) < 4, "nothing was closed while the recall was under way"
        assert left <= set(shown(found))
        assert 1 not in shown(found)
        assert {hit.memory.draft.payload["state"] for hit in found.hits} == {"open"}


# -- one view ----------------------------------------------------------------------------------


async def test_equal_bytes_after_compaction() -> None:
    async with a_world() as world:
        for at in range(40):
            await world.put(at, f"tea {at}", session=f"s{at % 3}", importance=float(at % 5))
        asked: dict[str, Any] = {"explain": True, "top_k": 20}
        await world.ask("tea 7")
        for turn in range(1500):
            await world.put(1000, f"soup {turn}")
        await world.remember.delete("acme", Coordinate.of([1000]))
        view = world.engine.views.loaded()["acme"]
        assert view.rows < 600
        async with a_world(world.store) as fresh:
            expected = as_bytes(await fresh.ask("tea 7", **asked))
        assert as_bytes(await world.ask("tea 7", **asked)) == expected


@pytest.mark.parametrize("bad", [np.zeros(7, np.float32), np.full(16, 3.0, np.float32)])
def test_a_bad_vector_is_refused_before_anything_changes(bad: F32) -> None:
    view: View = a_view([a_row(1), a_row(2)])
    before = (view.rows, view.live, view.nbytes, view.version_of(a_row(1).id.bytes))
    with pytest.raises(Corrupt):
        view.apply([a_row(1, version=2), a_row(3, vector=bad)])
    assert (view.rows, view.live, view.nbytes, view.version_of(a_row(1).id.bytes)) == before


def test_tombstones_are_forgotten_after_two_periods_and_not_before() -> None:
    view: View = a_view([a_row(1)])
    view.apply([a_row(1, version=2, deleted=True)])
    view.forget_tombstones()
    assert view.apply([a_row(1)]) == 0
    view.forget_tombstones()
    assert view.version_of(a_row(1).id.bytes) == 0
