"""The write use-cases over the in-memory store."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import anyio
import numpy as np
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.coordinates import Coordinate, event_id
from sfm_core.errors import (
    Conflict,
    Fault,
    InvalidInput,
    KeyReused,
    NotFound,
    PreconditionFailed,
    Unavailable,
)
from sfm_core.model import (
    F32,
    Applied,
    EmbedderInfo,
    EventType,
    LinkRow,
    ListQuery,
    MemoryDraft,
    Precondition,
    Receipt,
    Sample,
    Stored,
    StoreItem,
    ViewRow,
    Write,
)
from sfm_core.owned import OwnedJobs
from sfm_core.ports import Jobs
from sfm_core.remember import Commits, Remember, content_key
from sfm_core.testing.fakes import InlineJobs, ManualClock, RecordingTelemetry
from sfm_core.testing.writes import an_upsert, at

NS = "acme"
MAY = datetime(2026, 5, 1, tzinfo=UTC)


class CountingEmbedder:
    """Vectors from the letters of a text; remembers what it was asked."""

    def __init__(self, revision: str = "letters", turn: float = 0.0) -> None:
        self.info = EmbedderInfo(
            name="letters", model_revision=revision, dim=8, floor=0.0, semantic=False
        )
        self.calls: list[list[str]] = []
        self._turn = turn

    async def embed(self, texts: Sequence[str]) -> F32:
        self.calls.append(list(texts))
        rows = [np.bincount(np.frombuffer(t.encode(), np.uint8) % 8, minlength=8) for t in texts]
        table = np.array(rows, dtype=np.float32) + 1.0 + self._turn * np.arange(8)
        unit: F32 = (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)
        return unit


class RecordingViews:
    def __init__(self, failure: Exception | None = None) -> None:
        self.rows: list[ViewRow] = []
        self.samples: list[Sample] = []
        self.links: list[LinkRow] = []
        self._failure = failure

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        assert namespace == NS
        await anyio.lowlevel.checkpoint()
        if self._failure is not None:
            raise self._failure
        self.rows += rows
        self.samples += samples
        self.links += links


class World:
    """A Remember and everything it works with."""

    def __init__(
        self,
        *,
        records: InMemoryStore | None = None,
        failure: Exception | None = None,
        jobs: Jobs | None = None,
    ) -> None:
        self.records = records or InMemoryStore()
        self.embedder = CountingEmbedder()
        self.clock = ManualClock(MAY)
        self.views = RecordingViews(failure)
        self.telemetry = RecordingTelemetry()
        self.jobs = jobs or InlineJobs()
        self.remember = self.with_embedder(self.embedder)

    def with_embedder(self, embedder: CountingEmbedder) -> Remember:
        return Remember(
            records=self.records,
            embedder=embedder,
            clock=self.clock,
            commits=Commits(
                records=self.records, embedder=embedder, applied=self.views, jobs=self.jobs
            ),
            telemetry=self.telemetry,
        )


@pytest.fixture
def world() -> World:
    return World()


def tea(**more: object) -> MemoryDraft:
    return replace(MemoryDraft(payload={"text": "tea at four"}), **more)  # type: ignore[arg-type]


def test_the_content_key_depends_on_kind_payload_and_time_alone() -> None:
    key = content_key(tea())
    assert 0 <= key < 2**48
    assert key == content_key(tea(importance=9.0, tags=("x",), source="s", pinned=True))
    shuffled = MemoryDraft(payload={"b": 1, "a": [2]})
    assert content_key(shuffled) == content_key(MemoryDraft(payload={"a": [2], "b": 1}))
    assert key != content_key(tea(occurred_at=MAY))
    other_zone = MAY.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00+05:00").tzinfo)
    assert content_key(tea(occurred_at=MAY)) == content_key(tea(occurred_at=other_zone))


def test_the_content_key_stays_the_same_for_ever() -> None:
    assert content_key(MemoryDraft(payload={"a": 1})) == 3573182507135


async def test_a_stored_memory_is_in_the_store_and_in_the_views(world: World) -> None:
    draft = tea(source="Ann", occurred_at=MAY, importance=3.0)
    stored = await world.remember.store(NS, at("1,2"), draft)
    found = await world.remember.get(NS, at("1,2"))
    [row] = world.views.rows
    assert stored.created
    assert not stored.deduplicated
    assert stored.event_id == event_id(stored.id, 1, EventType.CREATED)
    assert (found.version, found.draft) == (1, draft)
    assert world.embedder.calls == [["Ann (1 May 2026): tea at four"]]
    assert (row.id, row.version, row.position) == (stored.id, 1, stored.position)
    assert (row.text, row.payload) == ("tea at four", '{"text":"tea at four"}')
    assert (row.created_at, row.updated_at) == (found.created_at, found.updated_at)
    assert world.views.samples == [Sample(position=stored.position, importance=3.0)]
    assert [labels for _, _, labels in world.telemetry.observed] == [{"outcome": "ok"}]


async def test_a_failed_precondition_is_raised_and_nothing_is_shown(world: World) -> None:
    await world.remember.store(NS, at("1"), tea())
    with pytest.raises(PreconditionFailed):
        await world.remember.store(NS, at("1"), tea(), precondition=Precondition(absent=True))
    assert len(world.views.rows) == 1
    assert world.telemetry.observed[-1][2] == {"outcome": "precondition-failed"}


async def test_remember_derives_a_place_and_finds_it_again(world: World) -> None:
    first = await world.remember.remember(NS, tea())
    again = await world.remember.remember(NS, tea())
    assert first.created
    assert len(first.coordinate.axes) == 4
    assert first.coordinate.axes[3] == content_key(tea())
    assert again == replace(first, created=False, deduplicated=True)
    assert [row.version for row in world.views.rows] == [1, 1]
    assert len(world.embedder.calls) == 1


async def test_what_another_process_stored_is_shown_here_once_it_is_acknowledged(
    world: World,
) -> None:
    other = World(records=world.records)
    receipt = Receipt(key="k", fingerprint=b"f")
    there = await other.remember.remember(NS, tea())
    put = await other.remember.store(NS, at("1"), MemoryDraft(payload={"n": 1}), receipt=receipt)
    gone = await other.remember.store(NS, at("2"), MemoryDraft(payload={"n": 2}))
    await other.remember.delete(NS, at("2"))

    assert (await world.remember.remember(NS, tea())).deduplicated
    again = await world.remember.store(NS, at("1"), MemoryDraft(payload={"n": 1}), receipt=receipt)
    assert again.replayed
    assert not (await world.remember.delete(NS, at("2"))).changed

    one, two, three = world.views.rows
    assert [one.id, two.id, three.id] == [there.id, put.id, gone.id]
    assert [row.deleted for row in world.views.rows] == [False, False, True]
    by_its_writer = other.views.rows[0]
    assert one.vector is not None
    assert by_its_writer.vector is not None
    assert one.vector.tobytes() == by_its_writer.vector.tobytes()
    assert replace(one, vector=None) == replace(by_its_writer, vector=None)
    assert world.views.samples == []


async def test_near_memories_get_near_places(world: World) -> None:
    one = await world.remember.remember(NS, MemoryDraft(payload={"text": "tea at four"}))
    near = await world.remember.remember(NS, MemoryDraft(payload={"text": "tea at four!"}))
    far = await world.remember.remember(NS, MemoryDraft(payload={"text": "zzzzzzzzzzzzzzz"}))

    def distance(a: Stored, b: Stored) -> float:
        return float(np.linalg.norm(np.subtract(a.coordinate.axes[:3], b.coordinate.axes[:3])))

    assert distance(one, near) < distance(one, far)


async def test_the_same_memory_keeps_its_place_under_another_model(world: World) -> None:
    first = await world.remember.remember(NS, tea())
    other = world.with_embedder(CountingEmbedder("other", turn=9.0))
    fresh = await other.remember(NS, tea(kind="semantic"))
    again = await other.remember(NS, tea())
    assert again.coordinate == first.coordinate
    assert again.version == first.version
    assert fresh.coordinate != first.coordinate


@pytest.mark.parametrize(
    "said",
    [
        {"importance": 5.0},
        {"tags": ("b",)},
        {"pinned": True},
        {"session": "s2"},
        {"source": "Bob"},
        {"text": "another wording"},
        {"expires_at": MAY + timedelta(days=9)},
    ],
)
async def test_what_is_said_anew_is_written_and_the_rest_stays(
    world: World, said: dict[str, object]
) -> None:
    draft = tea(importance=2.0, tags=("a",), session="s", source="Ann")
    first = await world.remember.remember(NS, draft)
    again = await world.remember.remember(NS, tea(**said))
    found = await world.remember.get(NS, first.coordinate)
    assert (again.coordinate, again.version) == (first.coordinate, 2)
    assert again.deduplicated
    assert not again.created
    assert found.draft == replace(draft, **said)  # type: ignore[arg-type]
    assert found.text == said.get("text", "tea at four")


async def test_a_default_never_takes_back_what_was_said(world: World) -> None:
    first = await world.remember.remember(NS, tea(importance=5.0, pinned=True, tags=("a",)))
    again = await world.remember.remember(NS, tea())
    assert (again.version, again.position) == (1, first.position)


async def test_an_expired_memory_comes_back_when_it_is_remembered_again(world: World) -> None:
    first = await world.remember.remember(NS, tea(expires_at=MAY + timedelta(hours=1)))
    world.clock.advance(timedelta(hours=1))
    with pytest.raises(NotFound):
        await world.remember.get(NS, first.coordinate)
    again = await world.remember.remember(NS, tea())
    assert (again.coordinate, again.version) == (first.coordinate, 2)
    assert again.created
    assert not again.deduplicated
    assert (await world.remember.get(NS, first.coordinate)).draft.expires_at is None


async def test_an_expired_memory_is_no_hindrance_to_one_that_must_be_the_first(
    world: World,
) -> None:
    first = Precondition(absent=True)
    await world.remember.store(NS, at("1"), tea(expires_at=MAY + timedelta(hours=1)))
    with pytest.raises(PreconditionFailed):
        await world.remember.store(NS, at("1"), tea(), precondition=first)
    world.clock.advance(timedelta(hours=1))
    with pytest.raises(PreconditionFailed):
        await world.remember.store(NS, at("1"), tea(), precondition=Precondition(version=1))
    stored = await world.remember.store(NS, at("1"), tea(), precondition=first)
    assert (stored.created, stored.version) == (True, 2)


async def test_a_memory_expires_to_the_microsecond(world: World) -> None:
    await world.remember.store(NS, at("1"), tea(expires_at=MAY + timedelta(microseconds=1)))
    assert (await world.remember.get(NS, at("1"))).version == 1
    world.clock.advance(timedelta(microseconds=1))
    with pytest.raises(NotFound):
        await world.remember.get(NS, at("1"))
    assert (await world.remember.list(NS, ListQuery())).memories == ()


async def test_a_deleted_memory_is_created_anew_where_it_was(world: World) -> None:
    first = await world.remember.remember(NS, tea())
    await world.remember.delete(NS, first.coordinate)
    again = await world.remember.remember(NS, tea())
    assert (again.coordinate, again.version, again.created) == (first.coordinate, 3, True)
    assert not again.deduplicated


async def test_something_else_at_the_derived_place_is_left_alone(world: World) -> None:
    first = await world.remember.remember(NS, tea())
    other = MemoryDraft(payload={"text": "an intruder"})
    await world.remember.store(NS, first.coordinate, other)
    again = await world.remember.remember(NS, tea())
    assert again.created
    assert again.coordinate.text == f"{first.coordinate.text},1"
    assert (await world.remember.get(NS, first.coordinate)).draft == other


async def test_many_at_once_remember_one_memory_once(world: World) -> None:
    done: list[Stored] = []

    async def remember() -> None:
        done.append(await world.remember.remember(NS, tea()))

    async with anyio.create_task_group() as tasks:
        for _ in range(16):
            tasks.start_soon(remember)
    assert len({stored.coordinate for stored in done}) == 1
    assert {stored.version for stored in done} == {1}
    assert [stored.created for stored in done].count(True) == 1
    assert [stored.deduplicated for stored in done].count(True) == 15


async def test_a_retry_with_a_receipt_replays_also_what_changed_nothing(world: World) -> None:
    receipt = Receipt(key="k", fingerprint=b"f")
    first = await world.remember.remember(NS, tea())
    kept = await world.remember.remember(NS, tea(), receipt=receipt)
    await world.remember.delete(NS, first.coordinate)
    replay = await world.remember.remember(NS, tea(), receipt=receipt)
    assert replay == replace(kept, replayed=True)
    assert (kept.version, kept.deduplicated) == (1, True)
    with pytest.raises(NotFound):
        await world.remember.get(NS, first.coordinate)
    with pytest.raises(KeyReused):
        await world.remember.remember(NS, tea(), receipt=replace(receipt, fingerprint=b"g"))


async def test_a_retry_of_a_first_remember_says_created_again(world: World) -> None:
    receipt = Receipt(key="k", fingerprint=b"f")
    first = await world.remember.remember(NS, tea(), receipt=receipt)
    replay = await world.remember.remember(NS, tea(), receipt=receipt)
    assert replay == replace(first, replayed=True)
    assert replay.created
    assert [row.version for row in world.views.rows] == [1, 1]


async def test_one_content_said_by_two_at_once_is_one_memory(world: World) -> None:
    done: list[Stored] = []

    async def remember(source: str) -> None:
        done.append(await world.remember.remember(NS, tea(source=source)))

    async with anyio.create_task_group() as tasks:
        for source in ("Ann", "Bob", "Cleo"):
            tasks.start_soon(remember, source)
    assert len({stored.coordinate for stored in done}) == 1
    assert [stored.created for stored in done].count(True) == 1
    assert (await world.records.stats(NS)).total == 1


SAID = (("1", "tea"), ("2", "tea"), (None, "tea"), (None, "tea"), ("1", "milk"), ("7", "milk"))


@pytest.mark.parametrize("order", list(permutations(SAID, 3)))
async def test_a_batch_with_the_same_content_here_and_there_is_written_again_and_again(
    order: Sequence[tuple[str | None, str]],
) -> None:
    world = World()
    await world.remember.store(NS, at("7"), tea())
    items = [
        StoreItem(
            coordinate=None if place is None else at(place),
            draft=MemoryDraft(payload={"text": f"{said} at four"}),
        )
        for place, said in order
    ]
    placed = {place: said for place, said in order if place is not None}
    totals = []
    for _ in range(3):
        stored = await world.remember.store_many(NS, items)
        for result, (_, said) in zip(stored.results, order, strict=True):
            assert isinstance(result, Stored)
            live = await world.records.get(NS, [result.coordinate])
            text = live[result.coordinate].text
            assert text.startswith(placed.get(result.coordinate.text, said))
        totals.append((await world.records.stats(NS)).total)
    assert totals[1] == totals[2]


async def test_a_derived_place_that_the_batch_names_itself_is_left_to_it(world: World) -> None:
    derived = (await World().remember.remember(NS, tea())).coordinate
    other = MemoryDraft(payload={"text": "an intruder"})
    for items in (
        [StoreItem(coordinate=derived, draft=other), StoreItem(draft=tea())],
        [StoreItem(draft=tea()), StoreItem(coordinate=derived, draft=other)],
    ):
        stored = await world.remember.store_many(NS, items)
        places = {r.coordinate.text for r in stored.results if isinstance(r, Stored)}
        assert places == {derived.text, f"{derived.text},1"}
        assert (await world.remember.get(NS, derived)).draft == other


async def test_a_batch_stores_what_is_valid_in_one_embedding_call(world: World) -> None:
    fault = Fault("/items/1/payload", "is missing")
    stored = await world.remember.store_many(
        NS,
        [
            StoreItem(coordinate=at("1"), draft=tea()),
            StoreItem(faults=(fault,)),
            StoreItem(draft=MemoryDraft(payload={"text": "coffee"})),
            StoreItem(coordinate=at("2"), draft=MemoryDraft(payload={"text": "milk"})),
        ],
    )
    first, bad, derived, last = stored.results
    assert isinstance(bad, InvalidInput)
    assert bad.faults == (fault,)
    assert isinstance(first, Stored)
    assert isinstance(derived, Stored)
    assert isinstance(last, Stored)
    assert [first.coordinate, last.coordinate] == [at("1"), at("2")]
    assert derived.created
    assert stored.position == last.position > derived.position > first.position
    assert len(world.embedder.calls) == 1
    assert sorted(world.embedder.calls[0]) == ["coffee", "milk", "tea at four"]
    assert ("store_batch_items", 4.0, {}) in world.telemetry.observed


async def test_a_batch_of_faults_writes_nothing(world: World) -> None:
    stored = await world.remember.store_many(
        NS, [StoreItem(faults=(Fault("/items/0", "is not an object"),))]
    )
    assert stored.position == 0
    assert world.embedder.calls == []
    assert await world.records.namespaces() == []


async def test_the_same_memory_twice_in_a_batch_is_one_memory(world: World) -> None:
    items = [StoreItem(draft=tea()), StoreItem(draft=tea()), StoreItem(draft=tea(importance=7.0))]
    stored = await world.remember.store_many(NS, items)
    results = [result for result in stored.results if isinstance(result, Stored)]
    assert len({result.coordinate for result in results}) == 1
    assert [result.version for result in results] == [1, 1, 2]
    assert [result.created for result in results] == [True, False, False]
    assert (await world.records.stats(NS)).total == 1


async def test_a_retried_batch_replays_item_by_item(world: World) -> None:
    receipt = Receipt(key="k", fingerprint=b"f")
    await world.remember.remember(NS, tea())
    items = [
        StoreItem(draft=MemoryDraft(payload={"n": 1})),
        StoreItem(faults=(Fault("/items/1", "is not an object"),)),
        StoreItem(draft=tea()),
        StoreItem(coordinate=at("1"), draft=MemoryDraft(payload={"n": 2})),
    ]
    first = await world.remember.store_many(NS, items, receipt=receipt)
    again = await world.remember.store_many(NS, items, receipt=receipt)
    assert again.replayed
    assert again.position == first.position
    for before, after in zip(first.results, again.results, strict=True):
        if isinstance(before, Stored):
            assert after == replace(before, replayed=True)
        else:
            assert isinstance(after, InvalidInput)


async def test_deleting_shows_a_tombstone_and_repeating_it_changes_nothing(world: World) -> None:
    stored = await world.remember.store(NS, at("1"), tea())
    first = await world.remember.delete(NS, at("1"))
    again = await world.remember.delete(NS, at("1"))
    shown = [(row.version, row.deleted) for row in world.views.rows]
    assert shown == [(1, False), (2, True), (2, True)]  # the last: another process may have deleted
    assert (again.changed, again.position) == (False, first.position)
    assert first.id == stored.id
    with pytest.raises(NotFound):
        await world.remember.delete(NS, at("2"))
    with pytest.raises(PreconditionFailed):
        await world.remember.delete(NS, at("1"), precondition=Precondition(version=1))


async def test_a_deletes_receipt_replays(world: World) -> None:
    receipt = Receipt(key="k", fingerprint=b"f")
    await world.remember.store(NS, at("1"), tea())
    first = await world.remember.delete(NS, at("1"), receipt=receipt)
    await world.remember.store(NS, at("1"), tea())
    again = await world.remember.delete(NS, at("1"), receipt=receipt)
    assert again == replace(first, replayed=True)
    assert (await world.remember.get(NS, at("1"))).version == 3


async def test_a_fault_in_the_views_does_not_fail_what_is_durable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(failure=KeyError("bug"))
    stored = await world.remember.store(NS, at("1"), tea())
    assert stored.version == 1
    assert [record.message for record in caplog.records] == ["view.failed"]


@pytest.mark.parametrize("natively", [True, False])
async def test_what_a_cancelled_caller_began_to_write_is_written_and_shown(natively: bool) -> None:
    records = SlowStore()
    async with OwnedJobs.open() as jobs:
        world = World(records=records, jobs=jobs)
        async with anyio.create_task_group() as tasks:

            async def store() -> None:
                callers.append(asyncio.current_task())
                await world.remember.store(NS, at("1"), tea())

            callers: list[asyncio.Task[object] | None] = []
            tasks.start_soon(store)
            await records.writing.wait()
            [caller] = callers
            assert caller is not None
            if natively:
                caller.cancel()  # as asyncio.timeout() does: anyio's shields do not hold it off
            else:
                tasks.cancel_scope.cancel()
        assert world.views.rows == []
        records.go_on.set()
    assert [row.coordinate for row in world.views.rows] == [at("1")]
    assert set(await records.get(NS, [at("1")])) == {at("1")}


async def test_no_write_begins_while_all_is_being_closed() -> None:
    async with OwnedJobs.open() as jobs:
        world = World(jobs=jobs)
    with pytest.raises(Unavailable):
        await world.remember.store(NS, at("1"), tea())
    assert await world.records.get(NS, [at("1")]) == {}


async def test_a_place_that_others_keep_changing_is_a_conflict() -> None:
    world = World(records=ContestedStore())
    with pytest.raises(Conflict):
        await world.remember.remember(NS, tea())


async def test_an_embedder_that_does_not_answer_leaves_nothing(world: World) -> None:
    class Full(CountingEmbedder):
        async def embed(self, texts: Sequence[str]) -> F32:
            raise Unavailable("the queue is full")

    with pytest.raises(Unavailable):
        await world.with_embedder(Full()).remember(NS, tea())
    assert await world.records.last_version(NS, at("1")) == 0
    assert await world.records.namespaces() == []


class SlowStore(InMemoryStore):
    """Holds a write in the air until told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.go_on = anyio.Event(), anyio.Event()

    async def apply(
        self,
        namespace: str,
        writes: Sequence[Write],
        *,
        receipt: Receipt | None = None,
        all_or_none: bool = False,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> Applied:
        self.writing.set()
        await self.go_on.wait()
        return await super().apply(
            namespace,
            writes,
            receipt=receipt,
            all_or_none=all_or_none,
            now=now,
            generation=generation,
        )


class ContestedStore(InMemoryStore):
    """Somebody else is always faster: each place is taken just before the write."""

    async def apply(
        self,
        namespace: str,
        writes: Sequence[Write],
        *,
        receipt: Receipt | None = None,
        all_or_none: bool = False,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> Applied:
        taken: list[Coordinate] = [write.coordinate for write in writes]
        for coordinate in taken:
            await super().apply(namespace, [an_upsert(coordinate.text)])
        return await super().apply(
            namespace,
            writes,
            receipt=receipt,
            all_or_none=all_or_none,
            now=now,
            generation=generation,
        )
