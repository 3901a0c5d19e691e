"""While a view is missing the store answers: declared, in time, and never an empty lie."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.errors import DeadlineExceeded, Unavailable
from sfm_core.filters import Op, Term
from sfm_core.model import Absence, Box, Mode, ViewRow
from tests.unit.sfm_core.recall.test_engine import (
    POLICY,
    SwitchedStore,
    World,
    a_world,
    as_bytes,
    shown,
)

QUICK = replace(POLICY, deadline_s=15.0, patience_s=0.1)


class Endless(SwitchedStore):
    """Loading a view never ends until told."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = anyio.Event()

    async def load(
        self, namespace: str, *, model_revision: str
    ) -> AsyncIterator[Sequence[ViewRow]]:
        await self.gate.wait()
        async for rows in super().load(namespace, model_revision=model_revision):
            yield rows


async def filled(world: World) -> None:
    for at in range(12):
        text = ("green tea in the garden", "rain in lisbon", "the violin", "onion soup")[at % 4]
        await world.put(at, f"{text} {at}", importance=float(at), payload={"n": at})


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_recall_during_a_load_is_answered_from_the_store_and_says_so(mode: Mode) -> None:
    async with a_world(Endless(), QUICK, words=True) as world:
        await filled(world)
        found = await world.ask("tea in the garden", mode=mode, top_k=20, explain=True)
        assert sorted(shown(found)) == [0, 4, 8]
        assert found.degraded == ("slab",)
        assert found.position == 12
        for hit in found.hits:
            assert hit.explanation is not None
            assert sum(hit.explanation.parts.values()) == hit.score
        assert ("recall_degraded_total", 1.0, {"leg": "slab"}) in world.telemetry.counted


async def test_once_the_view_is_loaded_it_answers_again() -> None:
    store = Endless()
    async with a_world(store, QUICK, words=True) as world:
        await filled(world)
        assert (await world.ask("tea")).degraded == ("slab",)
        store.gate.set()
        with anyio.fail_after(2):
            while world.engine.views.peek("acme") is None:
                await anyio.lowlevel.checkpoint()
        assert (await world.ask("tea")).degraded == ()


async def test_a_load_that_has_lasted_long_is_not_waited_for_again() -> None:
    endless = replace(QUICK, patience_s=1e6)
    async with a_world(Endless(), endless, words=True) as world:
        await filled(world)
        world.engine.views._started("acme").begun -= 2e6
        assert (await world.ask("tea")).degraded == ("slab",)


async def test_a_small_namespace_is_waited_for() -> None:
    async with a_world(policy=replace(QUICK, patience_s=10.0), words=True) as world:
        await filled(world)
        assert (await world.ask("tea")).degraded == ()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"filter": Term("n", Op.GTE, 4)}, [4, 8]),
        ({"filter": Term("@importance", Op.LT, 5)}, [0, 4]),
        ({"box": Box(low=(3.0,), high=(7.0,))}, [4]),
        ({"box": Box(low=(3.0, 0.0), high=(7.0, 0.0))}, []),
        ({"top_k": 1, "mode": Mode.KEYWORD}, [8]),
    ],
)
async def test_the_conditions_of_a_question_hold_in_the_store_too(
    asked: dict[str, Any], expected: list[int]
) -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        assert sorted(shown(await world.ask("green tea", **{"top_k": 20, **asked}))) == expected


async def test_without_the_fast_core_no_view_is_ever_held() -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        await world.engine.warm_up()
        assert (await world.ask("tea")).degraded == ("slab",)
        assert world.engine.views.totals() == (0, 0, 0)
        await world.remember.delete("acme", Coordinate.of([4]))
        assert sorted(shown(await world.ask("tea", top_k=9))) == [0, 8]


async def test_a_namespace_larger_than_the_budget_is_answered_by_the_store() -> None:
    async with a_world(
        policy=replace(QUICK, budget_bytes=1000, patience_s=10.0), words=True
    ) as world:
        await filled(world)
        for _ in range(2):
            found = await world.ask("tea", top_k=20)
            assert found.degraded == ("slab",)
            assert sorted(shown(found)) == [0, 4, 8]
        assert world.engine.views.totals() == (0, 0, 0)


async def test_a_similar_word_is_found_where_none_is_shared() -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        assert 2 in shown(await world.ask("violinn", mode=Mode.VECTOR, top_k=20))


async def test_a_position_is_waited_for_and_an_outage_is_told() -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        assert shown(await world.ask("tea", min_position=12))
        world.store.down = True
        with pytest.raises(Unavailable):
            await world.ask("tea")
        with pytest.raises(Unavailable):
            await world.ask("nothing shares a word with this zzz")


async def test_a_position_beyond_the_log_is_not_answered() -> None:
    quick = replace(QUICK, fast_core=False, deadline_s=0.2)
    async with a_world(policy=quick, words=True) as world:
        with pytest.raises(DeadlineExceeded):
            await world.ask("tea", min_position=10_000)


async def test_a_memory_that_no_word_finds_is_still_explained() -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        places = tuple(Coordinate.of([n]) for n in (0, 1, 99))
        found = await world.ask("tea", mode=Mode.KEYWORD, explain_for=places)
        assert [one.absent_for for one in found.placed] == [
            (),
            (Absence.UNRELATED,),
            (Absence.UNKNOWN,),
        ]


@pytest.mark.parametrize("mode", list(Mode))
async def test_naming_memories_does_not_change_the_answer_it_asks_about(mode: Mode) -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        asked: dict[str, Any] = {"mode": mode, "top_k": 20, "explain": True}
        plain = await world.ask("tea", **asked)
        places = tuple(Coordinate.of([n]) for n in (0, 1, 2, 3, 99))
        named = await world.ask("tea", explain_for=places, **asked)
        assert as_bytes(named) == as_bytes(plain)
        ranks = {hit.memory.coordinate: at for at, hit in enumerate(plain.hits, start=1)}
        for one in named.placed:
            assert (not one.absent_for) == (one.coordinate in ranks)
            if one.coordinate in ranks:
                assert one.rank == ranks[one.coordinate]


async def test_a_memory_that_only_its_vector_connects_is_said_to_need_the_view() -> None:
    async with a_world(policy=replace(QUICK, fast_core=False), words=True) as world:
        await filled(world)
        places = (Coordinate.of([1]),)
        found = await world.ask("garden", mode=Mode.VECTOR, top_k=20, explain_for=places)
        [placed] = found.placed
        assert 1 not in shown(found)
        assert Absence.SLAB in placed.absent_for or placed.rank is None
