"""Recalls while others write: what is live is found, or the answer says that it is not."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import anyio
import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.errors import Unavailable
from sfm_core.model import Absence, Hit, Memory, Mode, RecallQuery
from sfm_core.recall import settling
from sfm_core.recall.settling import TRIES
from sfm_core.recall.streaming import AGAIN, FIRST, HitStream
from tests.unit.sfm_core.recall.test_engine import POLICY, SwitchedStore, World, a_world, shown

PATIENT = replace(POLICY, deadline_s=20.0)


class Hot(SwitchedStore):
    """The memory at 1 is changed just before its row is read, `left` times; then after it too."""

    left = 0
    never_still = False
    fetches = 0
    world: World

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        self.fetches += 1
        await self._change()
        found = await super().fetch(namespace, ids)
        if self.never_still:
            await self._change()
        return found

    async def _change(self) -> None:
        if self.left:
            self.left -= 1
            await self.world.put(1, "tea in the garden", importance=float(self.left))


@pytest.mark.parametrize("never_still", [False, True])
@pytest.mark.parametrize("changes", [1, 2, 3, TRIES - 1])
async def test_a_memory_that_changes_during_the_recall_is_found(
    changes: int, never_still: bool
) -> None:
    store = Hot()
    store.never_still = never_still
    async with a_world(store, PATIENT) as world:
        store.world = world
        await world.put(1, "tea in the garden")
        await world.put(2, "rain")
        store.left = changes
        found = await world.ask("tea garden", explain=True)
        assert shown(found)[0] == 1
        assert found.degraded == ()
        explanation = found.hits[0].explanation
        assert explanation is not None
        assert sum(explanation.parts.values()) == found.hits[0].score


async def test_a_memory_that_changes_all_the_while_is_left_out_and_the_answer_says_so() -> None:
    store = Hot()
    async with a_world(store, PATIENT) as world:
        store.world = world
        await world.put(1, "tea in the garden")
        await world.put(2, "tea and rain")
        store.left, store.fetches, store.never_still = 10_000, 0, True
        named = (Coordinate.of([1]), Coordinate.of([2]))
        found = await world.ask("tea garden", explain_for=named)
        assert store.fetches == TRIES
        assert shown(found) == [2]
        assert found.degraded == ("changing",)
        assert [one.absent_for for one in found.placed] == [(Absence.CHANGING,), ()]
        assert ("recall_degraded_total", 1.0, {"leg": "changing"}) in world.telemetry.counted


async def test_memories_that_never_stand_still_together_are_found_as_they_were_ranked() -> None:
    """Each is changed just before every second reading of the rows, in turns."""

    class Turns(SwitchedStore):
        fetches = 0
        world: World | None = None

        async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
            if self.world is not None:
                self.fetches += 1
                at = self.fetches % 2
                await self.world.put(at, f"tea {self.fetches}", importance=float(self.fetches % 7))
            return await super().fetch(namespace, ids)

    store = Turns()
    async with a_world(store, PATIENT) as world:
        for at in range(2):
            await world.put(at, "tea")
        store.world = world
        found = await world.ask("tea", include_text=True, explain=True)
        assert sorted(shown(found)) == [0, 1]
        assert found.degraded == ()
        assert store.fetches < TRIES
        for hit in found.hits:
            assert hit.explanation is not None
            assert sum(hit.explanation.parts.values()) == hit.score


async def test_what_was_deleted_and_stored_anew_is_not_shown_as_it_was_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second try ranks what the first one read, and finds another memory in its place."""
    monkeypatch.setattr(settling, "TRIES", 2)

    class Replacing(SwitchedStore):
        fetches = 0
        world: World | None = None

        async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
            if self.world is not None:
                self.fetches += 1
                if self.fetches > 1:
                    await self.world.remember.delete("acme", Coordinate.of([1]))
                    self.world.clock.advance(timedelta(seconds=1))
                await self.world.put(1, f"tea {self.fetches}")
            return await super().fetch(namespace, ids)

    store = Replacing()
    async with a_world(store, PATIENT) as world:
        await world.put(1, "tea")
        store.world = world
        found = await world.ask("tea")
        assert store.fetches == 2
        assert found.hits == ()
        assert found.degraded == ("changing",)


async def test_a_storm_of_writes_takes_half_the_time_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "SHARE", 0.0)
    store = Hot()
    async with a_world(store, PATIENT) as world:
        store.world = world
        await world.put(1, "tea in the garden")
        store.left, store.fetches = 10_000, 0
        assert (await world.ask("tea")).degraded == ("changing",)
        assert store.fetches == 1


async def test_what_is_deleted_all_the_while_is_not_shown_and_nothing_is_missing() -> None:
    class Deleting(SwitchedStore):
        async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
            found = await super().fetch(namespace, ids)
            return {id_: row for id_, row in found.items() if row.coordinate != gone}

    gone = Coordinate.of([1])
    async with a_world(Deleting(), PATIENT) as world:
        await world.put(1, "tea")
        await world.put(2, "tea")
        found = await world.ask("tea", explain_for=(gone,))
        assert shown(found) == [2]
        assert found.degraded == ()
        [placed] = found.placed
        assert (placed.absent_for, placed.rank) == ((Absence.UNKNOWN,), None)


LONG = RecallQuery(query="tea", top_k=50, explain=True)
COUNT = FIRST + 6


async def rest_of(stream: HitStream) -> list[Hit]:
    hits: list[Hit] = []
    while (page := await stream.page()) is not None:
        hits += page
    return hits


def places(hits: Sequence[Hit]) -> list[int]:
    return [int(hit.memory.coordinate.axes[0]) for hit in hits]


@asynccontextmanager
async def a_stream_begun(
    store: SwitchedStore | None = None,
) -> AsyncGenerator[tuple[World, HitStream, list[Hit]]]:
    """A stream over `COUNT` memories, the first page of which went out; 0 is the best."""
    async with a_world(store, PATIENT) as world:
        for at in range(COUNT):
            await world.put(at, "tea", importance=float(100 - at))
        stream = await world.engine.stream("acme", LONG)
        first = await stream.page()
        assert first is not None
        assert places(first) == list(range(FIRST))
        yield world, stream, list(first)


@pytest.mark.parametrize(
    ("text", "importance"),
    [("tea", 100.0 - (COUNT - 2)), ("tea and rain", 90.0), ("tea", 87.0), ("rain", 87.5)],
)
async def test_what_changes_behind_the_first_page_is_shown_as_it_is_where_its_place_is_certain(
    text: str, importance: float
) -> None:
    async with a_stream_begun() as (world, stream, first):
        position = await world.put(COUNT - 2, text, importance=importance)
        hits = first + await rest_of(stream)
        now = await world.engine.recall("acme", LONG)
        assert [(h.memory.id, h.memory.version) for h in hits] == [
            (h.memory.id, h.memory.version) for h in now.hits
        ]
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        for hit in hits:
            assert hit.explanation is not None
            assert sum(hit.explanation.parts.values()) == hit.score
        assert stream.summary().degraded == ()
        assert stream.summary().position == position


async def test_what_would_have_come_before_what_went_out_is_left_out_and_the_end_says_so() -> None:
    async with a_stream_begun() as (world, stream, first):
        await world.put(COUNT - 2, "tea", importance=1e6)
        hits = first + await rest_of(stream)
        assert places(hits) == [at for at in range(COUNT) if at != COUNT - 2]
        assert stream.summary().degraded == ("changing",)


async def test_what_changes_each_time_a_stream_reads_it_is_left_out_and_the_end_says_so() -> None:
    class Restless(SwitchedStore):
        fetches = 0
        world: World | None = None

        async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
            self.fetches += 1
            if self.world is not None:
                await self.world.put(COUNT - 1, f"tea {self.fetches}", importance=87.0)
            return await super().fetch(namespace, ids)

    store = Restless()
    async with a_stream_begun(store) as (world, stream, first):
        store.world, store.fetches = world, 0
        hits = first + await rest_of(stream)
        assert places(hits) == list(range(COUNT - 1))
        assert store.fetches == AGAIN + 1
        assert stream.summary().degraded == ("changing",)


async def test_what_is_deleted_behind_the_first_page_makes_room_for_the_next() -> None:
    query = replace(LONG, top_k=FIRST + 2)
    async with a_stream_begun() as (world, _, _):
        stream = await world.engine.stream("acme", query)
        first = await stream.page() or ()
        await world.remember.delete("acme", Coordinate.of([FIRST]))
        hits = [*first, *await rest_of(stream)]
        assert places(hits) == [*range(FIRST), FIRST + 1, FIRST + 2]
        assert stream.summary().degraded == ()


# -- a store that hangs ------------------------------------------------------------------------


class Hanging(SwitchedStore):
    """From some moment on nothing is answered, and nothing is refused either."""

    hangs = False

    async def ping(self) -> None:
        if self.hangs:
            await anyio.sleep_forever()


async def test_a_store_that_hangs_is_no_empty_memory_though_no_poll_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "PING_S", 0.05)
    store = Hanging()
    async with a_world(store, replace(PATIENT, poll_s=60.0)) as world:
        await world.put(1, "tea")
        await world.ask("tea")
        unlike = RecallQuery(query="nothing like it", mode=Mode.KEYWORD)
        assert (await world.engine.recall("acme", unlike)).hits == ()
        store.hangs = True
        assert world.engine.views.healthy
        with anyio.fail_after(5), pytest.raises(Unavailable):
            await world.engine.recall("acme", unlike)
        store.hangs = False
        assert (await world.engine.recall("acme", unlike)).hits == ()
