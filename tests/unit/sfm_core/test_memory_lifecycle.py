"""Patch, history, restore over the in-memory store."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict, InvalidInput, KeyReused, NotFound, PreconditionFailed
from sfm_core.model import (
    Applied,
    EventType,
    HistoryQuery,
    Memory,
    MemoryDraft,
    MemoryPatch,
    Precondition,
    Receipt,
    Stamp,
    Stored,
)
from sfm_core.remember import Commits, Lifecycle, content_key
from sfm_core.testing.writes import an_upsert, at
from tests.unit.sfm_core.test_remember import MAY, NS, World, tea

PLACE = at("1")
SECOND = timedelta(seconds=1)


def a_lifecycle(world: World) -> Lifecycle:
    return Lifecycle(
        records=world.records,
        events=InMemoryEvents(world.records),
        embedder=world.embedder,
        clock=world.clock,
        commits=Commits(
            records=world.records,
            embedder=world.embedder,
            applied=world.views,
            jobs=world.jobs,
        ),
    )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lifecycle(world: World) -> Lifecycle:
    return a_lifecycle(world)


async def found(world: World, place: Coordinate = PLACE) -> Memory:
    return (await world.records.get(NS, [place]))[place]


async def versions(lifecycle: Lifecycle) -> list[tuple[int, str]]:
    page = await lifecycle.history(NS, PLACE, HistoryQuery())
    return [(event.version, event.type.value) for event in page.events]


async def test_a_patch_is_a_new_version_with_the_rest_as_it_was(
    world: World, lifecycle: Lifecycle
) -> None:
    draft = tea(source="Ann", occurred_at=MAY, session="s", tags=("x",))
    first = await world.remember.store(NS, PLACE, draft)
    before = await found(world)
    patch = MemoryPatch(importance=4.0, payload={"cup": "blue"})
    done = await lifecycle.patch(NS, PLACE, patch)
    after = await found(world)
    assert (done.version, done.id, done.created, done.replayed) == (2, first.id, False, False)
    assert after.draft == tea(
        payload={"text": "tea at four", "cup": "blue"},
        source="Ann",
        occurred_at=MAY,
        session="s",
        tags=("x",),
        importance=4.0,
    )
    assert after.created_at == before.created_at
    assert await versions(lifecycle) == [(2, "updated"), (1, "created")]
    row = world.views.rows[-1]
    assert (row.version, row.text, row.importance) == (2, "blue\ntea at four", 4.0)
    assert world.embedder.calls[-1] == ["Ann (1 May 2026): blue\ntea at four"]
    [same] = (await world.records.by_content(NS, [content_key(after.draft)])).values()
    assert same == after


async def test_the_vector_is_taken_over_when_the_text_stays_and_made_when_it_does_not(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea(source="Ann"))
    calls = len(world.embedder.calls)
    await lifecycle.patch(NS, PLACE, MemoryPatch(importance=4.0, payload={"n": 1}))
    assert len(world.embedder.calls) == calls
    first, second = world.views.rows
    assert first.vector is not None
    assert second.vector is not None
    assert second.vector.tobytes() == first.vector.tobytes()
    await lifecycle.patch(NS, PLACE, MemoryPatch(payload={"text": "coffee"}))
    assert world.embedder.calls[calls:] == [["Ann: coffee"]]


async def test_a_given_text_stays_whatever_becomes_of_the_payload(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea(text="said"))
    await lifecycle.patch(NS, PLACE, MemoryPatch(payload={"text": "coffee"}))
    assert (await found(world)).text == "said"


async def test_a_vector_of_another_model_is_not_taken_over(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.records.apply(NS, [an_upsert("1", payload={"text": "tea"}, model_revision="old")])
    await lifecycle.patch(NS, PLACE, MemoryPatch(pinned=True))
    assert world.embedder.calls == [["tea"]]


async def test_a_patch_that_changes_nothing_writes_nothing(
    world: World, lifecycle: Lifecycle
) -> None:
    first = await world.remember.store(NS, PLACE, tea())
    receipt = Receipt(key="k", fingerprint=b"f")
    patch = MemoryPatch(importance=1.0, payload={"text": "tea at four", "gone": None})
    same = await lifecycle.patch(NS, PLACE, patch, receipt=receipt)
    assert (same.version, same.position, same.event_id) == (1, first.position, first.event_id)
    assert await versions(lifecycle) == [(1, "created")]
    await world.remember.store(NS, PLACE, tea(importance=5.0))
    again = await lifecycle.patch(NS, PLACE, patch, receipt=receipt)
    assert (again.version, again.replayed) == (1, True)
    assert (await found(world)).draft.importance == 5.0


async def test_expiry_can_be_set_taken_away_and_hides_in_the_moment(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea())
    await lifecycle.patch(NS, PLACE, MemoryPatch(expires_at=MAY + SECOND))
    await lifecycle.patch(NS, PLACE, MemoryPatch(never_expires=True))
    assert (await found(world)).draft.expires_at is None
    await lifecycle.patch(NS, PLACE, MemoryPatch(expires_at=MAY + SECOND))
    world.clock.advance(SECOND - timedelta(microseconds=1))
    await lifecycle.patch(NS, PLACE, MemoryPatch(pinned=True))
    world.clock.advance(timedelta(microseconds=1))
    with pytest.raises(NotFound):
        await lifecycle.patch(NS, PLACE, MemoryPatch(never_expires=True))
    with pytest.raises(NotFound):
        await world.remember.get(NS, PLACE)


async def test_what_does_not_live_there_cannot_be_patched(
    world: World, lifecycle: Lifecycle
) -> None:
    with pytest.raises(NotFound):
        await lifecycle.patch(NS, PLACE, MemoryPatch(pinned=True))
    await world.remember.store(NS, PLACE, tea())
    await world.remember.delete(NS, PLACE)
    with pytest.raises(NotFound):
        await lifecycle.patch(NS, PLACE, MemoryPatch(pinned=True))
    assert await versions(lifecycle) == [(2, "deleted"), (1, "created")]


@pytest.mark.parametrize("condition", [Precondition(version=2), Precondition(absent=True)])
async def test_a_patch_under_a_condition_that_does_not_hold_changes_nothing(
    world: World, lifecycle: Lifecycle, condition: Precondition
) -> None:
    await world.remember.store(NS, PLACE, tea())
    for patch in (MemoryPatch(pinned=True), MemoryPatch(pinned=False)):
        with pytest.raises(PreconditionFailed):
            await lifecycle.patch(NS, PLACE, patch, precondition=condition)
    right = Precondition(version=1)
    assert (
        await lifecycle.patch(NS, PLACE, MemoryPatch(pinned=True), precondition=right)
    ).version == 2


async def test_a_repeat_with_a_key_answers_as_the_first_time_whatever_happened_since(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea())
    receipt = Receipt(key="k", fingerprint=b"f")

    async def patch() -> Stored:
        return await lifecycle.patch(
            NS,
            PLACE,
            MemoryPatch(importance=3.0),
            precondition=Precondition(version=1),
            receipt=receipt,
        )

    first = await patch()
    again = await patch()
    await world.remember.delete(NS, PLACE)
    after_the_end = await patch()
    for one in (again, after_the_end):
        assert (one.version, one.event_id, one.replayed) == (2, first.event_id, True)
    with pytest.raises(KeyReused):
        await lifecycle.patch(
            NS,
            PLACE,
            MemoryPatch(importance=3.0),
            receipt=Receipt(key="k", fingerprint=b"other"),
        )
    unknown = Receipt(key="another", fingerprint=b"f")
    with pytest.raises(NotFound):
        await lifecycle.patch(NS, PLACE, MemoryPatch(importance=3.0), receipt=unknown)
    assert await versions(lifecycle) == [(3, "deleted"), (2, "updated"), (1, "created")]


async def test_of_patches_at_once_none_is_lost(world: World, lifecycle: Lifecycle) -> None:
    await world.remember.store(NS, PLACE, tea())
    names = [f"k{i}" for i in range(8)]
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for name in names:
                patch = MemoryPatch(payload={name: 1})
                tasks.start_soon(partial(lifecycle.patch, NS, PLACE, patch))
    memory = await found(world)
    assert set(memory.draft.payload) == {"text", *names}
    assert memory.version == 9


class Meddling(InMemoryStore):
    """Somebody else writes right before each of the first `times` writes."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = 0
        self._wanted = times
        self.on = False

    async def apply(self, namespace: str, writes: Any, **how: Any) -> Applied:
        if self.on and self.times < self._wanted:
            self.times += 1
            await super().apply(namespace, [an_upsert("1", payload={"theirs": self.times})])
        return await super().apply(namespace, writes, **how)


async def test_a_patch_is_tried_again_on_what_others_left_and_gives_up_in_the_end() -> None:
    records = Meddling(3)
    world = World(records=records)
    lifecycle = a_lifecycle(world)
    await world.remember.store(NS, PLACE, tea())
    records.on = True
    await lifecycle.patch(NS, PLACE, MemoryPatch(payload={"mine": 1}))
    assert (await found(world)).draft.payload == {"theirs": 3, "mine": 1}
    records.times = -1000
    with pytest.raises(Conflict):
        await lifecycle.patch(NS, PLACE, MemoryPatch(payload={"mine": 2}))
    assert "mine" not in (await found(world)).draft.payload
    records.times = 0
    condition = Precondition(version=(await found(world)).version)
    with pytest.raises(PreconditionFailed):
        await lifecycle.patch(NS, PLACE, MemoryPatch(pinned=True), precondition=condition)
    assert records.times == 1


async def test_the_history_pages_from_the_newest_down(world: World, lifecycle: Lifecycle) -> None:
    for i in range(5):
        await world.remember.store(NS, PLACE, tea(importance=float(i)))
    seen: list[int] = []
    before: int | None = None
    while True:
        page = await lifecycle.history(NS, PLACE, HistoryQuery(limit=2, before=before))
        assert len(page.events) <= 2
        seen += [event.version for event in page.events]
        before = page.next_before
        if before is None:
            break
    assert seen == [5, 4, 3, 2, 1]
    assert (await lifecycle.history(NS, PLACE, HistoryQuery(limit=5))).next_before is None
    assert (await lifecycle.history(NS, PLACE, HistoryQuery(before=1))).events == []


async def test_only_what_was_never_stored_has_no_history(
    world: World, lifecycle: Lifecycle
) -> None:
    for query in (HistoryQuery(), HistoryQuery(before=9)):
        with pytest.raises(NotFound):
            await lifecycle.history(NS, PLACE, query)
    await world.remember.store(NS, PLACE, tea(expires_at=MAY))
    assert await versions(lifecycle) == [(1, "created")]
    await world.remember.delete(NS, PLACE)
    assert await versions(lifecycle) == [(2, "deleted"), (1, "created")]


async def test_a_version_is_the_memory_as_it_stood_then(world: World, lifecycle: Lifecycle) -> None:
    await world.remember.store(NS, PLACE, tea(expires_at=MAY))
    first = await found(world)
    await world.remember.delete(NS, PLACE)
    assert await lifecycle.version(NS, PLACE, 1) == first
    for version in (2, 3):
        with pytest.raises(NotFound):
            await lifecycle.version(NS, PLACE, version)


async def test_a_restore_brings_back_all_that_a_version_said(
    world: World, lifecycle: Lifecycle
) -> None:
    said = tea(source="Ann", tags=("x",), importance=3.0, pinned=True, text="said")
    await world.remember.store(NS, PLACE, said)
    first = await found(world)
    await world.remember.store(NS, PLACE, MemoryDraft(payload={"other": 1}))
    world.clock.advance(SECOND)
    done = await lifecycle.restore(NS, PLACE, 1)
    back = await found(world)
    assert (done.version, back.version, done.created) == (3, 3, False)
    assert (back.draft, back.text, back.created_at) == (first.draft, "said", first.created_at)
    assert (await versions(lifecycle))[0] == (3, "restored")
    assert world.embedder.calls[-1] == ["Ann: said"]
    row = world.views.rows[-1]
    assert (row.version, row.created_at, row.text) == (3, first.created_at, "said")


async def test_a_restore_undoes_a_deletion_an_expiry_and_decay(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea(importance=3.0, expires_at=MAY + SECOND))
    first = await found(world)
    await world.remember.delete(NS, PLACE)
    await lifecycle.restore(NS, PLACE, 1)
    assert (await found(world)).created_at == first.created_at
    world.clock.advance(SECOND)
    with pytest.raises(NotFound):
        await world.remember.get(NS, PLACE)
    await lifecycle.restore(NS, PLACE, 3)
    back = await world.remember.get(NS, PLACE)
    assert (back.draft, back.version) == (tea(importance=3.0), 4)
    decay = an_upsert("1", importance=0.1, stamp=Stamp(event=EventType.DECAYED))
    await world.records.apply(NS, [decay])
    await lifecycle.restore(NS, PLACE, 4)
    assert (await found(world)).draft == tea(importance=3.0)
    assert [kind for _, kind in await versions(lifecycle)] == [
        "restored", "decayed", "restored", "restored", "deleted", "created",
    ]  # fmt: skip


async def test_a_time_of_expiry_that_is_to_come_is_brought_back(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea(expires_at=MAY + SECOND))
    await world.remember.delete(NS, PLACE)
    await lifecycle.restore(NS, PLACE, 1)
    assert (await found(world)).draft.expires_at == MAY + SECOND


async def test_an_end_or_an_unknown_version_cannot_be_restored(
    world: World, lifecycle: Lifecycle
) -> None:
    await world.remember.store(NS, PLACE, tea())
    await world.remember.delete(NS, PLACE)
    with pytest.raises(InvalidInput) as refused:
        await lifecycle.restore(NS, PLACE, 2)
    assert [fault.path for fault in refused.value.faults] == ["/version"]
    for place, version in ((PLACE, 3), (at("2"), 1)):
        with pytest.raises(NotFound):
            await lifecycle.restore(NS, place, version)
    assert len(await versions(lifecycle)) == 2


async def test_a_restore_obeys_its_condition(world: World, lifecycle: Lifecycle) -> None:
    absent = Precondition(absent=True)
    await world.remember.store(NS, PLACE, tea())
    for condition in (absent, Precondition(version=2)):
        with pytest.raises(PreconditionFailed):
            await lifecycle.restore(NS, PLACE, 1, precondition=condition)
    await lifecycle.restore(NS, PLACE, 1, precondition=Precondition(version=1))
    await world.remember.delete(NS, PLACE)
    assert (await lifecycle.restore(NS, PLACE, 1, precondition=absent)).version == 4


async def test_a_restore_with_a_key_is_done_once(world: World, lifecycle: Lifecycle) -> None:
    receipt = Receipt(key="k", fingerprint=b"f")
    await world.remember.store(NS, PLACE, tea())
    first = await lifecycle.restore(NS, PLACE, 1, receipt=receipt)
    await world.remember.delete(NS, PLACE)
    again = await lifecycle.restore(NS, PLACE, 1, receipt=receipt)
    assert (again.version, again.event_id, again.replayed) == (2, first.event_id, True)
    assert await world.records.get(NS, [PLACE]) == {}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3)
PAYLOADS = st.dictionaries(
    st.sampled_from("abc"),
    st.integers(0, 3) | TEXTS | st.none() | st.lists(st.booleans(), max_size=2),
    max_size=3,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), PAYLOADS, st.sampled_from([0.5, 1.0, 7.0])),
        st.tuples(st.just("patch"), PAYLOADS, st.sampled_from([0.5, 1.0, 7.0])),
        st.tuples(st.just("delete"), st.just({}), st.just(0.0)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
async def test_whatever_happened_every_version_comes_back_as_it_was(
    steps: list[tuple[str, Mapping[str, Any], float]],
) -> None:
    world = World()
    lifecycle = a_lifecycle(world)
    stood: dict[int, Memory] = {}
    for what, payload, importance in steps:
        if what == "store":
            draft = MemoryDraft(payload=payload, importance=importance)
            await world.remember.store(NS, PLACE, draft)
        elif what == "patch":
            with suppress(NotFound):
                patch = MemoryPatch(payload=payload, importance=importance)
                await lifecycle.patch(NS, PLACE, patch)
        else:
            with suppress(NotFound):
                await world.remember.delete(NS, PLACE)
        stood |= {m.version: m for m in (await world.records.get(NS, [PLACE])).values()}
    for version, memory in stood.items():
        assert await lifecycle.version(NS, PLACE, version) == memory
        await lifecycle.restore(NS, PLACE, version)
        back = await world.remember.get(NS, PLACE)
        assert repr(back.draft) == repr(memory.draft)
        assert (back.text, back.created_at) == (memory.text, memory.created_at)
