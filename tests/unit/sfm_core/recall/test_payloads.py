"""Columns for filters on the payload: made beside the recalls and writes, and kept in use."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

import anyio
import pytest

from sfm_core import columns as columns_module
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.columns import MAX_PAYLOAD_COLUMNS
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Corrupt, DeadlineExceeded, InvalidInput, SfmError, Unavailable
from sfm_core.filters import Filter, parse
from sfm_core.model import I32, Delete, Json, MemoryDraft, RecallQuery, Upsert, Write
from sfm_core.recall import view as view_module
from sfm_core.recall.engine import RecallEngine, RecallPolicy
from sfm_core.recall.payloads import _Found
from sfm_core.testing.fakes import ManualClock

POLICY = RecallPolicy(deadline_s=5.0, poll_s=0.02)
type Batch = Sequence[tuple[UUID, int, str]]


class ReadStore(InMemoryStore):
    """The twin, a payload per page, stopping after the first one until `go_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.failure: Exception | None = None
        self.text: str | None = None
        self.go_on = anyio.Event()
        self.first_read = anyio.Event()
        self.go_on.set()

    def hold(self) -> None:
        self.go_on, self.first_read = anyio.Event(), anyio.Event()

    async def payloads(self, namespace: str) -> AsyncIterator[Batch]:
        self.readings += 1
        async for batch in super().payloads(namespace):
            for memory, version, text in batch:
                yield [(memory, version, self.text or text)]
                self.first_read.set()
                await self.go_on.wait()
                if self.failure is not None:
                    raise self.failure


@dataclass(frozen=True)
class World:
    engine: RecallEngine
    store: ReadStore
    embedder: HashEmbedder
    answers: list[list[int] | Exception] = field(default_factory=list)

    async def put(self, at: int, **payload: Json) -> None:
        [vector] = await self.embedder.embed(["tea"])
        upsert = Upsert(
            coordinate=Coordinate.of([at]),
            draft=MemoryDraft(payload=payload),
            text="tea",
            vector=vector,
            model_revision=self.embedder.info.model_revision,
            content_key=at,
        )
        await self.write(upsert)

    async def write(self, write: Write) -> None:
        """As another process does: the view has it when this returns."""
        await self.store.apply("acme", [write])
        await self.engine.views.refresh()

    async def ask(self, filter_: Filter | None = None) -> list[int]:
        query = RecallQuery(query="tea", filter=filter_, top_k=100)
        result = await self.engine.recall("acme", query)
        return sorted(int(hit.memory.coordinate.axes[0]) for hit in result.hits)

    async def note(self, filter_: Filter | None = None) -> None:
        """Ask, and keep the answer or the error."""
        try:
            self.answers.append(await self.ask(filter_))
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.answers.append(error)


@asynccontextmanager
async def a_world(policy: RecallPolicy = POLICY) -> AsyncGenerator[World]:
    store, embedder, clock = ReadStore(), HashEmbedder(), ManualClock()
    with anyio.fail_after(30):
        async with RecallEngine.open(
            records=store, feed=store, embedder=embedder, clock=clock, policy=policy
        ) as engine:
            yield World(engine, store, embedder)


async def test_a_reading_longer_than_the_deadline_is_done_in_the_end_and_only_once() -> None:
    async with a_world(replace(POLICY, deadline_s=0.3)) as world:
        for at in range(4):
            await world.put(at, n=at)
        world.store.hold()
        for _ in range(2):
            with pytest.raises(DeadlineExceeded):
                await world.ask(parse({"n": 3}))
        world.store.go_on.set()
        with anyio.fail_after(5):
            while world.answers[-1:] != [[3]]:
                await world.note(parse({"n": 3}))
        assert world.store.readings == 1


async def test_writes_and_other_recalls_go_on_while_payloads_are_read() -> None:
    async with a_world() as world, anyio.create_task_group() as tasks:
        for at in range(3):
            await world.put(at, n=at)
        world.store.hold()
        tasks.start_soon(world.note, parse({"n": {"$gte": 2}}))
        await world.store.first_read.wait()
        await world.put(3, n=3)
        assert await world.ask() == [0, 1, 2, 3]
        assert world.answers == []
        world.store.go_on.set()
    assert world.answers == [[2, 3]]


@pytest.mark.parametrize("is_compacting", [False, True])
async def test_what_is_written_while_payloads_are_read_is_filtered_right(
    monkeypatch: pytest.MonkeyPatch, is_compacting: bool
) -> None:
    """Of rows read and not yet read: changed into the filter and out of it, gone, and new."""
    if is_compacting:
        monkeypatch.setattr(view_module, "COMPACT_AT_LEAST", 1)
        monkeypatch.setattr(view_module, "COMPACT_AT_DEAD_SHARE", 0.0)
    async with a_world() as world, anyio.create_task_group() as tasks:
        for at in range(10):
            await world.put(at, n=at % 2)
        await world.ask()
        world.store.hold()
        tasks.start_soon(world.note, parse({"n": 1}))
        await world.store.first_read.wait()
        for at in (0, 8):
            await world.put(at, n=1)
        for at in (1, 9):
            await world.put(at, n=0)
        for at in (2, 3):
            await world.write(Delete(coordinate=Coordinate.of([at])))
        await world.put(10, n=0)
        await world.put(11, n=1)
        world.store.go_on.set()
    assert world.answers == [[0, 5, 7, 8, 11]]
    assert world.store.readings == 1


async def test_codes_placed_before_a_compaction_are_placed_anew_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_world() as world:
        for at in range(6):
            await world.put(at, n=at)
        await world.ask()
        await world.write(Delete(coordinate=Coordinate.of([0])))
        [view] = world.engine.views.loaded().values()
        placed = _Found.placed

        def placed_late(self: _Found, ids: Sequence[bytes], rows: int) -> list[I32]:
            codes = placed(self, ids, rows)
            if view.rows > view.live:
                view.compact()
            return codes

        monkeypatch.setattr(_Found, "placed", placed_late)
        assert await world.ask(parse({"n": {"$in": [1, 4]}})) == [1, 4]
        assert view.rows == 5


async def test_a_batch_with_more_paths_than_there_are_columns_is_invalid() -> None:
    async with a_world() as world:
        await world.put(1, k0=1)
        pairs = [parse({f"k{2 * n}": 1, f"k{2 * n + 1}": {"$exists": False}}) for n in range(33)]
        queries = [RecallQuery(query="tea", filter=pair) for pair in pairs]
        with pytest.raises(InvalidInput, match="66 payload paths") as caught:
            await world.engine.recall_many("acme", queries)
        assert [fault.path for fault in caught.value.faults] == ["/queries"]
        results = await world.engine.recall_many("acme", queries[: MAX_PAYLOAD_COLUMNS // 2])
        assert [len(result.hits) for result in results] == [1, *[0] * 31]


async def test_recalls_at_once_with_more_paths_than_columns_do_not_take_them_from_each_other() -> (
    None
):
    async with a_world() as world:
        await world.put(1, **{f"k{n}": 1 for n in range(100)})
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for n in range(20):
                    tasks.start_soon(
                        world.note, parse({f"k{5 * n + part}": 1 for part in range(5)})
                    )
                tasks.start_soon(world.note)
        assert world.answers == [[1]] * 42
        [view] = world.engine.views.loaded().values()
        assert len(view.columns.paths) == MAX_PAYLOAD_COLUMNS


async def test_columns_a_recall_holds_stay_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "MAX_PAYLOAD_COLUMNS", 2)
    async with a_world() as world:
        await world.put(1, a=1, b=1, c=1, d=1)
        entry = await world.engine.views.entry("acme")
        async with world.engine._rankings._payloads.held(entry, "acme", [parse({"a": 1, "b": 1})]):
            assert await world.ask(parse({"c": 1, "d": 1})) == [1]
            snapshot = await entry.snapshot()
            assert snapshot.columns.mask(parse({"a": 1, "b": 1}), 1).tolist() == [True]
        assert len(entry.view.columns.paths) == 2


async def test_paths_asked_for_during_a_reading_share_the_next_one() -> None:
    async with a_world() as world, anyio.create_task_group() as tasks:
        await world.put(1, a=1, b=1, c=1)
        await world.ask()
        world.store.hold()
        tasks.start_soon(world.note, parse({"a": 1}))
        await world.store.first_read.wait()
        for asked in ({"a": 1}, {"a": 1, "b": 1}, {"b": 1}, {"c": 1}):
            tasks.start_soon(world.note, parse(asked))
        await anyio.wait_all_tasks_blocked()
        world.store.go_on.set()
    assert world.answers == [[1]] * 5
    assert world.store.readings == 2


@pytest.mark.parametrize("failure", [Unavailable("switched off"), RuntimeError("a bug")])
async def test_a_reading_that_fails_is_told_and_tried_anew(failure: Exception) -> None:
    async with a_world() as world:
        await world.put(1, n=1)
        await world.put(2, n=2)
        world.store.failure = failure
        await world.note(parse({"n": 1}))
        [view] = world.engine.views.loaded().values()
        assert view.columns.paths == frozenset()
        world.store.failure = None
        await world.note(parse({"n": 1}))
        told, answer = world.answers
        assert type(told) is (Unavailable if isinstance(failure, Unavailable) else SfmError)
        assert answer == [1]


@pytest.mark.parametrize("text", ["{", "[1]"])
async def test_a_payload_that_is_no_json_object_is_damage_and_names_the_memory(text: str) -> None:
    async with a_world() as world:
        await world.put(1, n=1)
        world.store.text = text
        with pytest.raises(Corrupt) as caught:
            await world.ask(parse({"n": 1}))
        [memory] = (await world.store.get("acme", [Coordinate.of([1])])).values()
        assert caught.value.context == {"id": str(memory.id)}


async def test_who_waits_for_a_reading_when_all_is_closed_is_told() -> None:
    async with anyio.create_task_group() as tasks, a_world() as world:
        await world.put(1, n=1)
        world.store.hold()
        tasks.start_soon(world.note, parse({"n": 1}))
        await world.store.first_read.wait()
    assert [type(answer) for answer in world.answers] == [Unavailable]
