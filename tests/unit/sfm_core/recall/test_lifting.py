"""Recalls that follow links, against the obvious slow version; and without, as ever."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.edges.spreading import FAN_OUT, REACHED
from sfm_core.filters import Op, Term
from sfm_core.model import Kind, LinkRow, Sample, Weights
from sfm_core.recall import lifting
from sfm_core.recall.lifting import share_of
from sfm_core.recall.rank import Candidate, Plan, rank
from sfm_core.recall.view import View
from tests.unit.sfm_core.edges.graphs import Links, played, steps
from tests.unit.sfm_core.edges.test_spreading import slow as slow_spread
from tests.unit.sfm_core.recall.test_rank import (
    ANALYZER,
    DIM,
    NOW,
    SCORING,
    START,
    WORDS,
    a_plan,
    a_row,
    a_view,
    assert_same_ranking,
    norms_of,
    slow_hybrid,
    slow_relevance,
    unit,
    why,
)

ROWS = 12


def id_of(number: int) -> UUID:
    return memory_id("acme", Coordinate.of([number]))


def link_rows(links: Links) -> list[LinkRow]:
    told, _ = played([(*name, weight) for name, weight in links.items()])
    return [
        replace(row, origin=id_of(name[0]), target=id_of(name[1]))
        for row, name in zip(told, links, strict=True)
    ]


def lifted_slowly(
    view: View,
    rows: dict[UUID, Any],
    allowed: set[UUID],
    links: Links,
    plan: Plan,
    *,
    seeds: int,
) -> dict[UUID, float]:
    """Scores by the formula, with loops."""
    norms = norms_of(view)
    without = slow_hybrid(rows, allowed, plan, norms)
    _, _, rel = slow_relevance(rows, allowed, plan)
    numbers = {id_of(n): n for n in range(200)}
    live = {numbers[i] for i in rows}
    linked = {n for name in links for n in name[:2] if n in live}
    best = sorted(linked, key=lambda n: (-round(rel[id_of(n)] / 1e-6), id_of(n).bytes))[:seeds]
    start = {n: rel[id_of(n)] for n in best if rel[id_of(n)] > 0.0}
    received = slow_spread(
        links, start, live, plan.query.graph_hops,
        fan_out=FAN_OUT, reached_at_most=REACHED, id_of=id_of,
    )  # fmt: skip
    share = share_of(SCORING.weights)
    scores = {}
    for i, score in without.items():
        factor = 1 - SCORING.beta + SCORING.beta * norms[i]
        base, g = score / factor, received.get(numbers[i], 0.0)
        scores[i] = factor * max(base, (1 - share) * base + share * g)
    return scores


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "monday"]),
            st.sampled_from([1.0, 2.5, 7.0]),
            st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
            st.booleans(),
        ),
        min_size=1,
        max_size=ROWS,
    ),
    steps(ROWS, most=30),
    st.integers(1, 3),
    st.integers(1, 8),
    st.integers(0, 4),
    st.booleans(),
)
def test_order_and_scores_are_those_of_the_slow_version(
    memories: list[tuple[Any, ...]],
    history: list[Any],
    hops: int,
    top_k: int,
    seed: int,
    filtered: bool,
) -> None:
    rows = {
        id_of(n): a_row(
            n,
            session=session,
            created_at=START,
            importance=importance,
            text=" ".join(words),
            kind=Kind.SEMANTIC if n % 2 else Kind.EPISODIC,
            deleted=gone,
        )
        for n, (session, importance, words, gone) in enumerate(memories)
    }
    view = a_view(list(rows.values()))
    links = {n: w for n, w in played(history)[1].items() if max(n[:2]) < len(memories)}
    view.apply([], (), link_rows(links))
    live = {i: row for i, row in rows.items() if not row.deleted}
    asked: dict[str, Any] = {"top_k": top_k, "graph_hops": hops}
    if filtered:
        asked["filter"] = Term("@kind", Op.EQ, "semantic")
    plan = a_plan(seed=1000 + seed, **asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifting, "SEEDS", 3)
        [ranked] = rank(view.snapshot(), [plan])
    allowed = {i for i, row in live.items() if not filtered or row.kind is Kind.SEMANTIC}
    if not allowed:
        assert not ranked.candidates
        return
    slow = lifted_slowly(view, live, allowed, links, plan, seeds=3)
    assert_same_ranking(ranked.candidates, slow, norms_of(view), top_k)
    for candidate in ranked.candidates:
        explained = why(candidate)
        assert sum(explained.parts.values()) == candidate.score
        assert sum(explained.weights.values()) == pytest.approx(1.0)
        assert 0.0 <= explained.values["graph"] <= 1.0


def crowd(count: int = 400) -> View:
    view = a_view([a_row(n, session=f"s{n % 7}", importance=float(n % 5)) for n in range(count)])
    links: Links = {(n, (n * 7 + 3) % count, "related"): float(n % 3 + 1) for n in range(count)}
    links = {name: weight for name, weight in links.items() if name[0] != name[1]}
    told, _ = played([(*name, weight) for name, weight in links.items()])
    ids = [
        replace(r, origin=id_of(n[0]), target=id_of(n[1])) for r, n in zip(told, links, strict=True)
    ]
    view.apply([], (), ids)
    return view


def plain(candidates: Sequence[Candidate]) -> list[tuple[UUID, float]]:
    return [(candidate.id, candidate.score) for candidate in candidates]


def test_without_hops_links_change_nothing() -> None:
    rows = [a_row(n, session=f"s{n % 7}", importance=float(n % 5)) for n in range(400)]
    [without] = rank(a_view(rows).snapshot(), [a_plan(top_k=50)])
    [linked] = rank(crowd().snapshot(), [a_plan(top_k=50)])
    assert linked == without
    assert "graph" not in why(linked.candidates[0]).parts


def test_with_hops_but_without_links_scores_are_those_without() -> None:
    rows = [a_row(n, session=f"s{n % 7}", importance=float(n % 5)) for n in range(400)]
    view = a_view(rows)
    [none] = rank(view.snapshot(), [a_plan(top_k=50)])
    [hops] = rank(view.snapshot(), [a_plan(top_k=50, graph_hops=3)])
    assert plain(hops.candidates) == plain(none.candidates)
    assert why(hops.candidates[0]).parts["graph"] == 0.0
    assert why(hops.candidates[0]).config != why(none.candidates[0]).config


def test_top_k_only_cuts_and_what_shares_a_wave_changes_nothing() -> None:
    snapshot = crowd().snapshot()
    plans = [
        a_plan(top_k=k, graph_hops=h, seed=s) for k, h, s in ((3, 1, 1), (9, 2, 1), (400, 2, 1))
    ]
    few, some, everything = rank(snapshot, plans)
    assert plain(everything.candidates)[:9] == plain(some.candidates)
    assert [rank(snapshot, [plan])[0] for plan in plans] == [few, some, everything]


def test_a_memory_that_only_a_link_connects_with_the_question_is_found() -> None:
    far = -unit(7)
    rows = [
        a_row(0, text="tea in the garden", vector=unit(7)),
        a_row(1, text="violin", vector=far),
        a_row(2, text="violin", vector=far),
        a_row(3, text="soup", vector=far, expires_at=NOW - timedelta(days=1)),
    ]
    view = a_view(rows)
    view.apply([], (), link_rows({(1, 0, "related"): 2.0, (2, 3, "x"): 1.0, (3, 0, "x"): 1.0}))
    found = {
        hops: [c.id for c in rank(view.snapshot(), [a_plan(graph_hops=hops)])[0].candidates]
        for hops in (0, 1, 3)
    }
    assert found == {0: [id_of(0)], 1: [id_of(0), id_of(1)], 3: [id_of(0), id_of(1)]}
    [ranked] = rank(view.snapshot(), [a_plan(graph_hops=1)])
    explained = why(ranked.candidates[1])
    assert explained.values["graph"] == 0.5
    assert explained.parts["graph"] == ranked.candidates[1].score
    assert ranked.candidates[1].score == pytest.approx(0.25)


def test_relevance_does_not_spread_from_what_has_expired() -> None:
    far = -unit(7)
    rows = [
        a_row(0, text="tea in the garden", vector=unit(7), expires_at=NOW),
        a_row(1, text="violin", vector=far),
        a_row(2, text="tea", vector=unit(8)),
    ]
    view = a_view(rows)
    view.apply([], (), link_rows({(0, 1, "related"): 1.0}))
    [now] = rank(view.snapshot(), [a_plan(graph_hops=1)])
    earlier = replace(a_plan(graph_hops=1), now=NOW - timedelta(seconds=1))
    [before] = rank(view.snapshot(), [earlier])
    assert id_of(1) not in [candidate.id for candidate in now.candidates]
    assert id_of(1) in [candidate.id for candidate in before.candidates]


def test_the_weight_of_the_graph_can_be_asked_for() -> None:
    view = crowd()
    weights = Weights(vector=1.0, keyword=1.0, context=0.0, recency=0.0, graph=6.0)
    [ranked] = rank(view.snapshot(), [a_plan(graph_hops=1, weights=weights, top_k=50)])
    assert {round(why(c).weights["graph"], 9) for c in ranked.candidates} <= {0.75, 0.0}
    assert any(why(c).weights["graph"] for c in ranked.candidates)
    none = replace(weights, graph=0.0)
    [without] = rank(view.snapshot(), [a_plan(graph_hops=1, weights=none, top_k=50)])
    [never] = rank(view.snapshot(), [a_plan(weights=none, top_k=50)])
    assert plain(without.candidates) == plain(never.candidates)


def test_order_is_the_same_however_links_came_and_after_a_compaction() -> None:
    plan = a_plan(top_k=100, graph_hops=3)
    view, other = crowd(), View("acme", dim=DIM, analyzer=ANALYZER)
    rows = [a_row(n, session=f"s{n % 7}", importance=float(n % 5)) for n in range(400)]
    links: Links = {(n, (n * 7 + 3) % 400, "related"): float(n % 3 + 1) for n in range(400)}
    links = {name: weight for name, weight in reversed(links.items()) if name[0] != name[1]}
    told, _ = played([(*name, weight) for name, weight in links.items()])
    other.apply([], (), [
        replace(row, origin=id_of(name[0]), target=id_of(name[1]))
        for row, name in zip(told, links, strict=True)
    ])  # fmt: skip
    other.apply([replace(row, version=1, text="before") for row in rows])
    again = [replace(row, version=2) for row in rows]
    samples = [Sample(position=row.position, importance=row.importance) for row in rows]
    other.apply(again, samples)
    other.compact()
    other.compact_links()
    view.apply(again)
    [first], [second] = rank(view.snapshot(), [plan]), rank(other.snapshot(), [plan])
    assert first == second
    assert any(why(candidate).parts["graph"] for candidate in first.candidates)
