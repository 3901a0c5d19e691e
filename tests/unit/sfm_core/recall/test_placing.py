"""`explain_for`: the rank of a memory, or why it is no hit, held against the ranking itself."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate
from sfm_core.filters import Op, Term
from sfm_core.model import Absence, Box, Kind, Mode, Placed, RecallQuery, ViewRow
from sfm_core.recall import placing
from sfm_core.recall.placing import answered
from sfm_core.recall.rank import Candidate, Plan, Standing, rank, standings
from sfm_core.recall.view import Snapshot, View
from tests.unit.sfm_core.recall.test_engine import POLICY, a_world, shown
from tests.unit.sfm_core.recall.test_rank import NOW, START, a_plan, a_row, a_view, unit

ROW = st.tuples(
    st.integers(0, 15),
    st.sampled_from([None, "monday"]),
    st.sampled_from([1.0, 5.0]),
    st.sampled_from(["tea", "tea in the garden", "rain", "soup and rain"]),
    st.booleans(),
)


def explained(view: View, plan: Plan) -> tuple[list[Candidate], dict[Coordinate, Placed]]:
    [one] = answered("acme", view.snapshot(), [plan])
    return list(one.candidates), {placed.coordinate: placed for placed in one.placed}


def placed_alone(row: ViewRow, *more: ViewRow, **asked: Any) -> Placed:
    plan = a_plan("tea", explain_for=(row.coordinate,), **asked)
    return explained(a_view([row, *more]), plan)[1][row.coordinate]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=16, unique_by=lambda row: row[0]),
    st.sampled_from(list(Mode)),
    st.integers(1, 6),
    st.sampled_from([None, 0.2, 0.6]),
    st.sampled_from([None, 0.0, 0.3]),
    st.sampled_from([None, Kind.EPISODIC]),
)
def test_each_memory_is_placed_where_the_whole_ranking_has_it(
    history: list[tuple[Any, ...]],
    mode: Mode,
    top_k: int,
    min_score: float | None,
    min_similarity: float | None,
    kind: Kind | None,
) -> None:
    rows = [
        a_row(
            number,
            session=session,
            importance=importance,
            text=text,
            kind=Kind.SEMANTIC if semantic else Kind.EPISODIC,
        )
        for number, session, importance, text, semantic in history
    ]
    view = a_view(rows)
    places = tuple(row.coordinate for row in rows)
    asked: dict[str, Any] = {"mode": mode, "min_similarity": min_similarity, "kind": kind}
    plan = a_plan(top_k=top_k, min_score=min_score, explain_for=places, **asked)
    hits, found = explained(view, plan)
    [whole] = rank(view.snapshot(), [a_plan(top_k=200, **asked)])
    ranks: dict[UUID, int] = {c.id: i for i, c in enumerate(whole.candidates, start=1)}
    by_id = {c.id: c for c in whole.candidates}
    for row in rows:
        placed = found[row.coordinate]
        assert placed.rank == ranks.get(row.id)
        assert (not placed.absent_for) == any(hit.id == row.id for hit in hits)
        if row.id in by_id:
            assert placed.score == by_id[row.id].score
            assert placed.explanation == by_id[row.id].explanation
            assert sum(by_id[row.id].explanation.parts.values()) == placed.score  # type: ignore[union-attr]
        else:
            assert placed.absent_for


@pytest.mark.parametrize(
    ("changed", "asked", "reason"),
    [
        ({"kind": Kind.SEMANTIC}, {"kind": Kind.EPISODIC}, Absence.KIND),
        ({"expires_at": NOW}, {}, Absence.EXPIRED),
        ({}, {"since": NOW}, Absence.SINCE),
        ({}, {"until": START - timedelta(days=1)}, Absence.UNTIL),
        ({}, {"box": Box(low=(5.0,), high=(6.0,))}, Absence.BOX),
        ({"tags": ("b",)}, {"filter": Term("@tags", Op.EQ, "a")}, Absence.FILTER),
        ({"vector": None}, {"mode": Mode.VECTOR}, Absence.NOT_EMBEDDED),
        ({"vector": -unit(7)}, {"mode": Mode.VECTOR}, Absence.UNRELATED),
        ({"text": "rain"}, {"mode": Mode.KEYWORD}, Absence.UNRELATED),
        ({"vector": -unit(7)}, {"min_similarity": 0.5}, Absence.MIN_SIMILARITY),
        ({"vector": -unit(7)}, {"mode": Mode.VECTOR, "min_similarity": 0.5},
         Absence.MIN_SIMILARITY),
    ],
)  # fmt: skip
def test_each_condition_is_named_as_the_one_reason(
    changed: dict[str, Any], asked: dict[str, Any], reason: Absence
) -> None:
    row = a_row(0, **{"text": "tea", **changed})
    other = a_row(5, text="tea", kind=Kind.EPISODIC, tags=("a",), vector=unit(7))
    placed = placed_alone(row, other, **asked)
    assert placed.absent_for == (reason,)
    assert placed.rank is None
    assert placed.score is None


def test_all_conditions_that_fail_are_named_together() -> None:
    row = a_row(0, text="tea", kind=Kind.SEMANTIC, tags=("b",))
    asked = {"kind": Kind.EPISODIC, "filter": Term("@tags", Op.EQ, "a")}
    assert placed_alone(row, a_row(1), **asked).absent_for == (Absence.KIND, Absence.FILTER)


def test_the_outranked_and_the_too_low_keep_their_rank() -> None:
    rows = [a_row(n, text="tea", vector=unit(7), importance=float(n)) for n in range(6)]
    last = placed_alone(*rows, top_k=2)
    assert (last.rank, last.absent_for) == (6, (Absence.OUTRANKED,))
    low = placed_alone(a_row(0, text="soup"), a_row(1, text="tea", vector=unit(7)), min_score=0.999)
    assert low.absent_for in ((Absence.MIN_SCORE,), (Absence.UNRELATED,))
    assert placed_alone(rows[0], min_score=0.999, top_k=1).absent_for == ()


def test_what_was_never_stored_or_was_deleted_is_unknown() -> None:
    view = a_view([a_row(0), a_row(1)])
    view.apply([a_row(1, version=2, deleted=True)])
    places = (a_row(1).coordinate, a_row(9).coordinate)
    _, found = explained(view, a_plan(explain_for=places))
    assert [found[place].absent_for for place in places] == [(Absence.UNKNOWN,)] * 2


# -- beside other recalls ----------------------------------------------------------------------


class Gate:
    """Stands in for `standings`: each holds its thread until it is let go on; counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.inside = threading.Semaphore(0)
        self.go_on = threading.Event()
        self._standings = standings
        monkeypatch.setattr(placing, "standings", self)

    def __call__(self, snapshot: Snapshot, plan: Plan, rows: Sequence[int]) -> dict[int, Standing]:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.inside.release()
        assert self.go_on.wait(20)
        self.at_once -= 1
        return self._standings(snapshot, plan, rows)


async def test_explaining_a_batch_neither_holds_up_others_nor_outlives_its_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate(monkeypatch)
    names = (Coordinate.of([0]),)
    batch = [RecallQuery(query=f"tea {n}", explain_for=names) for n in range(64)]
    async with a_world(policy=replace(POLICY, deadline_s=25.0)) as world:
        for at in range(5):
            await world.put(at, f"tea {at}")
        async with anyio.create_task_group() as asking:
            asking.start_soon(world.engine.recall_many, "acme", batch)
            await anyio.to_thread.run_sync(gate.inside.acquire)
            with anyio.fail_after(5):
                for at in range(5):
                    assert at in shown(await world.ask(f"tea {at}"))
            asking.cancel_scope.cancel()
            gate.go_on.set()
        assert gate.begun == 1
        placed = (await world.ask("tea 0", explain_for=names)).placed
        assert [one.rank for one in placed] == [1]


async def test_two_who_ask_for_explanations_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    gate.go_on.set()
    names = (Coordinate.of([0]),)
    batch = [RecallQuery(query=f"tea {n}", explain_for=names) for n in range(6)]
    async with a_world(policy=replace(POLICY, deadline_s=25.0)) as world:
        for at in range(5):
            await world.put(at, f"tea {at}")
        alone = await world.engine.recall_many("acme", batch)
        async with anyio.create_task_group() as asking:
            for _ in range(2):
                asking.start_soon(world.engine.recall_many, "acme", batch)
        assert gate.begun == 18
        assert gate.most_at_once == 1
        for query, one in zip(batch, alone, strict=True):
            assert (await world.engine.recall("acme", query)).placed == one.placed
