"""Deleting many memories over the in-memory store: only what is meant, and once per key."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.errors import Conflict, KeyReused, Unavailable
from sfm_core.filters import Filter, parse
from sfm_core.model import Applied, Delete, Receipt, Selection, Write
from sfm_core.remember import deletes
from sfm_core.testing.writes import an_upsert, at
from tests.unit.sfm_core.test_memory_lifecycle import a_lifecycle
from tests.unit.sfm_core.test_remember import MAY, NS, World

RED = parse({"colour": "red"})
RECEIPT = Receipt(key="k", fingerprint=b"f")


class Watched(InMemoryStore):
    """Counts the transactions that delete; `before_write` may meddle, `fails_at` cuts one off."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []
        self.before_write: list[Sequence[Write]] = []
        self.fails_at: int | None = None

    async def apply(
        self,
        namespace: str,
        writes: Sequence[Write],
        **how: Any,
    ) -> Applied:
        if how.get("now") is None and any(isinstance(write, Delete) for write in writes):
            if len(self.steps) == self.fails_at:
                self.fails_at = None
                raise Unavailable("cut")
            self.steps.append(len(writes))
            if self.before_write:
                await super().apply(namespace, self.before_write.pop(0))
        return await super().apply(namespace, writes, **how)


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def world(store: Watched, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(deletes, "STEP", 3)
    return World(records=store)


async def fill(world: World, *, red: int, blue: int = 0) -> None:
    await world.records.apply(
        NS,
        [an_upsert(f"1,{i}", payload={"colour": "red"}) for i in range(red)]
        + [an_upsert(f"2,{i}", payload={"colour": "blue"}) for i in range(blue)],
    )


async def left(world: World) -> set[str]:
    places = [at(f"{a},{i}") for a in (1, 2) for i in range(20)]
    return {place.text for place in await world.records.get(NS, places)}


def by(filter_: Filter) -> Selection:
    return Selection(filter=filter_)


async def test_by_coordinates_what_is_there_is_deleted_and_counted(world: World) -> None:
    await fill(world, red=3, blue=1)
    await world.remember.delete(NS, at("1,1"))
    meant = Selection(coordinates=(at("1,0"), at("1,1"), at("9"), at("2,0")))
    done = await a_lifecycle(world).delete_many(NS, meant)
    assert (done.deleted, done.replayed) == (2, False)
    assert done.position == (await world.records.stats(NS)).position
    assert await left(world) == {"1,2"}
    nothing = await a_lifecycle(world).delete_many(NS, meant)
    assert (nothing.deleted, nothing.position) == (0, 0)
    tombstones = [row.coordinate.text for row in world.views.rows if row.deleted]
    assert {"1,0", "2,0"} <= set(tombstones)


async def test_by_a_filter_what_it_admits_is_deleted_in_steps_and_nothing_else(
    world: World, store: Watched
) -> None:
    await fill(world, red=7, blue=4)
    done = await a_lifecycle(world).delete_many(NS, by(RED))
    assert done.deleted == 7
    assert store.steps == [3, 3, 1]
    assert await left(world) == {"2,0", "2,1", "2,2", "2,3"}


async def test_without_a_filter_all_are_deleted(world: World) -> None:
    await fill(world, red=4, blue=4)
    assert (await a_lifecycle(world).delete_many(NS, Selection())).deleted == 8
    assert await left(world) == set()


async def test_what_has_expired_is_admitted_by_no_filter(world: World) -> None:
    past, future = MAY, MAY + timedelta(microseconds=1)
    await world.records.apply(
        NS,
        [
            an_upsert("1,0", payload={"colour": "red"}, expires_at=past),
            an_upsert("1,1", payload={"colour": "red"}, expires_at=future),
        ],
    )
    assert (await a_lifecycle(world).delete_many(NS, by(RED))).deleted == 1
    assert await left(world) == {"1,0"}


async def test_what_changed_in_between_is_judged_anew(world: World, store: Watched) -> None:
    await fill(world, red=3)
    bumped = an_upsert("1,0", payload={"colour": "red"}, importance=9.0)
    turned = an_upsert("1,1", payload={"colour": "blue"})
    expired = an_upsert("1,2", payload={"colour": "red"}, expires_at=MAY)
    store.before_write = [[bumped, turned, expired]]
    done = await a_lifecycle(world).delete_many(NS, by(RED))
    assert done.deleted == 1
    assert store.steps == [3, 1]
    assert await left(world) == {"1,1", "1,2"}


async def test_what_keeps_changing_is_a_conflict_in_the_end(world: World, store: Watched) -> None:
    await fill(world, red=2)
    store.before_write = [[an_upsert("1,0", payload={"colour": "red"})]] * 50
    with pytest.raises(Conflict):
        await a_lifecycle(world).delete_many(NS, by(RED))
    assert await left(world) == {"1,0"}


async def test_what_others_deleted_in_between_is_not_counted(world: World, store: Watched) -> None:
    await fill(world, red=2)
    store.before_write = [[Delete(coordinate=at("1,0"))]]
    assert (await a_lifecycle(world).delete_many(NS, by(RED))).deleted == 1


@pytest.mark.parametrize(
    "meant", [by(RED), Selection(), Selection(coordinates=(at("1,0"), at("1,3"), at("7")))]
)
async def test_a_repeat_with_a_key_deletes_nothing_that_was_stored_since(
    world: World, meant: Selection
) -> None:
    await fill(world, red=5)
    first = await a_lifecycle(world).delete_many(NS, meant, receipt=RECEIPT)
    await fill(world, red=5)
    again = await a_lifecycle(world).delete_many(NS, meant, receipt=RECEIPT)
    assert (again.deleted, again.position) == (first.deleted, first.position)
    assert (first.replayed, again.replayed) == (False, True)
    assert len(await left(world)) == 5
    other = Receipt(key="k", fingerprint=b"other")
    with pytest.raises(KeyReused):
        await a_lifecycle(world).delete_many(NS, meant, receipt=other)


@pytest.mark.parametrize("meant", [by(RED), Selection(coordinates=(at("1,0"),))])
async def test_a_call_that_found_nothing_is_repeated_as_such(
    world: World, meant: Selection
) -> None:
    await a_lifecycle(world).delete_many(NS, meant, receipt=RECEIPT)
    await fill(world, red=5)
    again = await a_lifecycle(world).delete_many(NS, meant, receipt=RECEIPT)
    assert (again.deleted, again.replayed) == (0, True)
    assert len(await left(world)) == 5


async def test_a_call_that_was_cut_is_completed_by_its_repeat(world: World, store: Watched) -> None:
    await fill(world, red=8, blue=1)
    store.fails_at = 2
    with pytest.raises(Unavailable):
        await a_lifecycle(world).delete_many(NS, by(RED), receipt=RECEIPT)
    assert len(await left(world)) == 3
    done = await a_lifecycle(world).delete_many(NS, by(RED), receipt=RECEIPT)
    assert (done.deleted, done.replayed) == (8, False)
    await fill(world, red=8)
    again = await a_lifecycle(world).delete_many(NS, by(RED), receipt=RECEIPT)
    assert (again.deleted, again.replayed) == (8, True)
    assert len(await left(world)) == 9


async def test_a_cut_call_whose_rest_others_deleted_still_counts_its_steps(
    world: World, store: Watched
) -> None:
    await fill(world, red=5)
    store.fails_at = 1
    with pytest.raises(Unavailable):
        await a_lifecycle(world).delete_many(NS, by(RED), receipt=RECEIPT)
    await a_lifecycle(world).delete_many(NS, Selection())
    done = await a_lifecycle(world).delete_many(NS, by(RED), receipt=RECEIPT)
    assert done.deleted == 3
