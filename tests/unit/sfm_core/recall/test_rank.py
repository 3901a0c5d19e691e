"""Ranking a snapshot against the obvious slow version: loops over dictionaries in float64."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.filters import Op, Term
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import (
    F32,
    F64,
    Box,
    Explanation,
    Kind,
    Mode,
    RecallQuery,
    Sample,
    ViewRow,
    Weights,
)
from sfm_core.recall.rank import Candidate, Plan, rank
from sfm_core.recall.view import View
from sfm_core.scoring import Scoring

DIM = 16
FLOOR = 0.05
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
WORDS = ("tea", "rain", "lisbon", "train", "garden", "tax", "violin", "soup")
ANALYZER = Analyzer("english")
SCORING = Scoring()


def unit(seed: int) -> F32:
    vector = np.random.default_rng(seed).normal(size=DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def a_row(number: int, *, version: int = 1, **changed: Any) -> ViewRow:
    coordinate = Coordinate.of([number])
    row = ViewRow(
        namespace="acme",
        id=memory_id("acme", coordinate),
        coordinate=coordinate,
        version=version,
        position=100 * version + number,
        text=WORDS[number % len(WORDS)],
        created_at=START + timedelta(hours=number),
        updated_at=START + timedelta(hours=number),
        vector=unit(number),
    )
    return replace(row, **changed)


def a_plan(text: str = "tea in the garden", *, seed: int = 7, **asked: Any) -> Plan:
    query = RecallQuery(query=text, explain=True, **asked)
    return Plan(
        query=query,
        vector=None if query.mode is Mode.KEYWORD else unit(seed),
        terms=ANALYZER.terms(text),
        now=NOW,
        scoring=SCORING,
        floor=FLOOR,
        model_revision="test",
        analyzer=ANALYZER.revision,
    )


def a_view(rows: Sequence[ViewRow]) -> View:
    view = View("acme", dim=DIM, analyzer=ANALYZER)
    view.apply(rows, [Sample(position=r.position, importance=r.importance) for r in rows])
    return view


def vector_of(plan: Plan) -> F64:
    assert plan.vector is not None
    return plan.vector.astype(np.float64)


def row_vector(row: ViewRow) -> F64:
    assert row.vector is not None
    return row.vector.astype(np.float64)


def why(candidate: Candidate) -> Explanation:
    assert candidate.explanation is not None
    return candidate.explanation


# -- the slow version --------------------------------------------------------------------------


def slow_bm25(rows: dict[UUID, ViewRow], terms: Sequence[str]) -> dict[UUID, float]:
    bags = {
        i: ANALYZER.terms(r.text if r.source is None else f"{r.source}: {r.text}")
        for i, r in rows.items()
    }
    average = sum(map(len, bags.values())) / len(bags)
    scores = dict.fromkeys(rows, 0.0)
    for term in dict.fromkeys(terms):
        holders = [i for i, bag in bags.items() if term in bag]
        idf = math.log(1 + (len(bags) - len(holders) + 0.5) / (len(holders) + 0.5))
        for i in holders:
            tf = bags[i].count(term)
            length = 1 - SCORING.b + SCORING.b * len(bags[i]) / average
            scores[i] += idf * tf * (SCORING.k1 + 1) / (tf + SCORING.k1 * length)
    return scores


def slow_relevance(
    rows: dict[UUID, ViewRow], allowed: set[UUID], plan: Plan
) -> tuple[dict[UUID, float], dict[UUID, float], dict[UUID, float]]:
    """Vector part, keyword part, and both in one."""
    query = vector_of(plan)
    cosines = {i: float(row_vector(r) @ query) for i, r in rows.items()}
    bm25 = slow_bm25(rows, plan.terms)
    best_v, best_k = max(cosines[i] for i in allowed), max(bm25[i] for i in allowed)
    v = {
        i: min(1.0, max(0.0, (c - FLOOR) / (best_v - FLOOR))) if best_v > FLOOR else 0.0
        for i, c in cosines.items()
    }
    k = {i: min(1.0, b / best_k) if best_k > 0 else 0.0 for i, b in bm25.items()}
    return v, k, {i: 0.5 * v[i] + 0.5 * k[i] for i in rows}


def slow_hybrid(
    rows: dict[UUID, ViewRow], allowed: set[UUID], plan: Plan, norms: dict[UUID, float]
) -> dict[UUID, float]:
    v, k, rel = slow_relevance(rows, allowed, plan)
    sessions: dict[str, list[UUID]] = {}
    for i, r in sorted(
        rows.items(),
        key=lambda x: (x[1].occurred_at or x[1].created_at, x[1].created_at, x[0].int >> 65),
    ):
        if r.session is not None:
            sessions.setdefault(r.session, []).append(i)
    scores = {}
    for i in allowed:
        members = sessions.get(rows[i].session or "", [i])
        at = members.index(i)

        def lent(step: int, members: list[UUID] = members, at: int = at, own: UUID = i) -> float:
            return rel[members[at + step]] if 0 <= at + step < len(members) else rel[own]

        c = (
            SCORING.near * (lent(-1) + lent(1))
            + SCORING.far * (lent(-2) + lent(2))
            + SCORING.session * max(rel[m] for m in members)
        )
        w = SCORING.weights
        f = 1 - SCORING.beta + SCORING.beta * norms[i]
        scores[i] = f * (w.vector * v[i] + w.keyword * k[i] + w.context * c)
    return scores


def norms_of(view: View) -> dict[UUID, float]:
    snapshot = view.snapshot()
    return {
        UUID(bytes=snapshot.ids[row]): float(snapshot.norms[row])
        for row in range(snapshot.rows)
        if snapshot.alive[row]
    }


def assert_same_ranking(
    found: Sequence[Candidate], slow: dict[UUID, float], norms: dict[UUID, float], k: int
) -> None:
    order = sorted(
        (i for i, s in slow.items() if s > 0),
        key=lambda i: (-round(slow[i] / 1e-6), -norms[i], i.bytes),
    )[:k]
    assert [slow[c.id] for c in found] == pytest.approx([slow[i] for i in order], abs=2e-6)
    assert [c.score for c in found] == pytest.approx([slow[c.id] for c in found], abs=1e-9)


# -- the properties ----------------------------------------------------------------------------

rows_strategy = st.lists(
    st.tuples(
        st.integers(0, 24),
        st.sampled_from([None, "monday", "tuesday"]),
        st.sampled_from([None, 0, 3, 9]),
        st.sampled_from([1.0, 1.0, 2.5, 7.0]),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6),
        st.sampled_from([None, "Ann"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=50,
)


@settings(max_examples=150, deadline=None)
@given(rows_strategy, st.integers(1, 12), st.integers(0, 6))
def test_hybrid_order_and_scores_are_those_of_the_slow_version(
    history: list[tuple[Any, ...]], top_k: int, seed: int
) -> None:
    view = View("acme", dim=DIM, analyzer=ANALYZER)
    live: dict[UUID, ViewRow] = {}
    versions: dict[int, int] = {}
    for number, session, days, importance, words, source, deleted in history:
        versions[number] = version = versions.get(number, 0) + 1
        row = a_row(
            number,
            version=version,
            session=session,
            occurred_at=None,
            created_at=START + timedelta(days=days or 0),
            importance=importance,
            text=" ".join(words),
            source=source,
            deleted=deleted,
            vector=unit(number + 31 * version),
        )
        view.apply([row], () if deleted else [Sample(position=row.position, importance=importance)])
        live.pop(row.id, None)
        if not deleted:
            live[row.id] = row
        if len(versions) % 7 == 0:
            view.compact()
    [ranked] = rank(view.snapshot(), [a_plan(top_k=top_k, seed=1000 + seed)])
    if not live:
        assert not ranked.candidates
        return
    norms = norms_of(view)
    slow = slow_hybrid(live, set(live), a_plan(seed=1000 + seed), norms)
    assert_same_ranking(ranked.candidates, slow, norms, top_k)


def test_what_shares_a_wave_changes_nothing() -> None:
    view = a_view([a_row(n, session="s", importance=float(n % 5)) for n in range(400)])
    plans = [a_plan(" ".join(WORDS[i % 8 :]) or "tea", seed=i) for i in range(33)]
    plans += [a_plan(mode=Mode.VECTOR, seed=3), a_plan(mode=Mode.KEYWORD)]
    together = rank(view.snapshot(), plans)
    alone = [rank(view.snapshot(), [plan])[0] for plan in plans]
    assert together == alone


@pytest.mark.parametrize("mode", list(Mode))
def test_the_parts_add_up_to_the_score_exactly(mode: Mode) -> None:
    view = a_view([a_row(n, session=f"s{n % 3}", importance=float(n)) for n in range(60)])
    [ranked] = rank(view.snapshot(), [a_plan(mode=mode, top_k=30)])
    assert ranked.candidates
    for candidate in ranked.candidates:
        assert sum(why(candidate).parts.values()) == candidate.score
        assert 0.0 < candidate.score <= 1.0
        assert all(0.0 <= part <= 1.0 for part in why(candidate).parts.values())


def test_vector_mode_is_the_fast_core_formula() -> None:
    rows = [a_row(n, importance=float(n)) for n in range(80)]
    view = a_view(rows)
    norms = norms_of(view)
    plan = a_plan(mode=Mode.VECTOR, top_k=10)
    query = vector_of(plan)
    slow = {r.id: max(0.0, float(row_vector(r) @ query)) * norms[r.id] for r in rows}
    [ranked] = rank(view.snapshot(), [plan])
    assert_same_ranking(ranked.candidates, slow, norms, 10)


def test_a_filter_is_applied_before_top_k_and_scales_by_what_it_admits() -> None:
    view = a_view([a_row(n, tags=("rare",) if n % 40 == 0 else ()) for n in range(200)])
    rare = Term("@tags", Op.EQ, "rare")
    [ranked] = rank(view.snapshot(), [a_plan(top_k=5, mode=Mode.VECTOR, filter=rare)])
    assert {c.id for c in ranked.candidates} <= {a_row(n).id for n in range(0, 200, 40)}
    [hybrid] = rank(view.snapshot(), [a_plan(top_k=5, filter=rare)])
    assert len(hybrid.candidates) == 5
    assert max(why(c).values["vector"] for c in hybrid.candidates) == 1.0


def test_kind_time_and_box_bounds_hold() -> None:
    view = a_view(
        [a_row(n, kind=Kind.SEMANTIC if n % 2 else Kind.EPISODIC) for n in range(50)]
        + [a_row(500, coordinate=Coordinate.of([3, 3]))]
    )
    asked: dict[str, Any] = {
        "kind": Kind.SEMANTIC,
        "since": START + timedelta(hours=10),
        "until": START + timedelta(hours=20),
        "box": Box(low=(0.0,), high=(15.0,)),
    }
    [ranked] = rank(view.snapshot(), [a_plan(top_k=50, mode=Mode.HYBRID, **asked)])
    assert {c.id for c in ranked.candidates} <= {a_row(n).id for n in (11, 13, 15)}
    assert ranked.candidates


def test_the_expired_are_hidden_to_the_microsecond_and_lend_nothing() -> None:
    gone = a_row(0, session="s", text="tea tea tea", vector=unit(7), expires_at=NOW)
    kept = a_row(8, session="s", text="soup", vector=-unit(7))
    view = a_view([gone, kept])
    plan = a_plan("tea")
    assert not any(c.id == gone.id for c in rank(view.snapshot(), [plan])[0].candidates)
    before = replace(plan, now=NOW - timedelta(microseconds=1))
    assert next(c.id for c in rank(view.snapshot(), [before])[0].candidates) == gone.id


def test_a_memory_without_a_vector_yet_is_found_by_its_words() -> None:
    view = a_view([a_row(0, text="tea", vector=None), a_row(1, text="soup", vector=-unit(7))])
    [hybrid, vector] = rank(view.snapshot(), [a_plan("tea"), a_plan("tea", mode=Mode.VECTOR)])
    first = hybrid.candidates[0]
    assert first.id == a_row(0).id
    assert why(first).cosine is None
    assert a_row(0).id not in {c.id for c in vector.candidates}
    assert view.apply([a_row(0, text="tea")]) == 1
    [vector] = rank(view.snapshot(), [a_plan("tea", mode=Mode.VECTOR, top_k=50)])
    assert view.live == 2


def test_min_score_and_min_similarity_give_an_honest_empty_answer() -> None:
    view = a_view([a_row(n) for n in range(30)])
    [none] = rank(view.snapshot(), [a_plan(min_score=1.0, mode=Mode.VECTOR, seed=999)])
    assert not none.candidates
    for mode in (Mode.VECTOR, Mode.HYBRID):
        [ranked] = rank(view.snapshot(), [a_plan(mode=mode, min_similarity=0.2, top_k=30)])
        assert ranked.candidates
        assert all((why(c).cosine or 0.0) >= 0.2 for c in ranked.candidates)


def test_equal_scores_are_ordered_by_importance_then_id() -> None:
    same = [a_row(n, text="tea", vector=unit(7), importance=2.0) for n in range(20)]
    view = a_view(same)
    [ranked] = rank(view.snapshot(), [a_plan("tea", top_k=6)])
    assert [c.id for c in ranked.candidates] == sorted(r.id for r in same)[:6]


def towards(query: F64, cosines: F64, *, seed: int) -> F32:
    """Unit vectors (n, dim) at the given cosines (n,) to the query."""
    rest = np.random.default_rng(seed).standard_normal((cosines.shape[0], query.shape[0]))
    rest -= np.outer(rest @ query, query)
    rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    sines = np.sqrt(1.0 - cosines**2)
    return (cosines[:, None] * query + sines[:, None] * rest).astype(np.float32)


def a_wide_view(vectors: F32, **changed: Any) -> View:
    rows = [a_row(n, vector=vector, **changed) for n, vector in enumerate(vectors)]
    view = View("acme", dim=vectors.shape[1], analyzer=ANALYZER)
    view.apply(rows, [Sample(position=r.position, importance=r.importance) for r in rows])
    return view


def wide_unit(dim: int, seed: int) -> F32:
    drawn = np.random.default_rng(seed).standard_normal(dim)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def a_few_ahead() -> F64:
    """4000 cosines, all but ten equal to a ten-millionth: far closer than float32 can tell."""
    rng = np.random.default_rng(2)
    cosines = 0.8 + 1e-7 * rng.random(4000)
    cosines[rng.choice(4000, 10, replace=False)] += 1.5e-6 * np.arange(1, 11)
    return cosines


def one_ahead_of_a_crowd() -> F64:
    """One cosine of 0.055, and 3999 within what float32 loses, halfway down to a floor of 0.045."""
    cosines = 0.05 + 1e-7 * np.random.default_rng(2).random(4000)
    cosines[1234] = 0.055
    return cosines


@pytest.mark.parametrize(
    ("mode", "cosines", "floor"),
    [
        (Mode.VECTOR, a_few_ahead(), FLOOR),
        (Mode.HYBRID, a_few_ahead(), FLOOR),
        (Mode.HYBRID, one_ahead_of_a_crowd(), 0.045),
    ],
)
def test_the_best_of_thousands_of_near_ties_are_found(
    mode: Mode, cosines: F64, floor: float
) -> None:
    asked = wide_unit(384, 1)
    exact = asked.astype(np.float64)
    vectors = towards(exact / np.linalg.norm(exact), cosines, seed=3)
    view = a_wide_view(vectors, text="rain")
    weights = Weights(vector=1.0, keyword=0.0, context=0.0, recency=0.0)
    plan = a_plan("tea", mode=mode, top_k=10, weights=weights)
    [ranked] = rank(view.snapshot(), [replace(plan, vector=asked, floor=floor)])
    true = vectors.astype(np.float64) @ exact
    value = true if mode is Mode.VECTOR else (true - floor) / (true.max() - floor)
    slow = {a_row(n).id: float(score) for n, score in enumerate(value)}
    order = sorted(slow, key=lambda i: (-round(slow[i] / 1e-6), i.bytes))
    assert [c.id for c in ranked.candidates] == order[:10]


def test_the_best_of_a_session_of_near_ties_is_lent_exactly() -> None:
    asked = wide_unit(384, 1)
    exact = asked.astype(np.float64)
    cosines = 0.1 + 2e-8 * np.random.default_rng(2).random(3000)
    cosines[::2] = 0.06
    cosines[0] = 0.15
    vectors = towards(exact / np.linalg.norm(exact), cosines, seed=3)
    rows = [
        a_row(n, vector=vector, text="rain", session=f"s{n // 2 % 2}" if n else None)
        for n, vector in enumerate(vectors)
    ]
    view = View("acme", dim=384, analyzer=ANALYZER)
    view.apply(rows, [Sample(position=1, importance=1.0)])
    plan = replace(a_plan("tea", top_k=20), vector=asked)
    [ranked] = rank(view.snapshot(), [plan])
    live = {row.id: row for row in rows}
    slow = slow_hybrid(live, set(live), plan, norms_of(view))
    found = [c.score for c in ranked.candidates]
    assert found == pytest.approx([slow[c.id] for c in ranked.candidates], abs=1e-10)


def test_what_is_a_hair_above_zero_is_shown_alone_as_in_a_wave() -> None:
    asked = wide_unit(384, 5)
    exact = asked.astype(np.float64)
    vectors = towards(exact / np.linalg.norm(exact), np.zeros(60), seed=6)
    vectors[0] = asked
    snapshot = a_wide_view(vectors, text="rain").snapshot()
    plan = replace(a_plan("tea", top_k=100), vector=asked, floor=0.0)
    others = [replace(plan, vector=wide_unit(384, seed)) for seed in range(15)]
    alone, together = rank(snapshot, [plan])[0], rank(snapshot, [plan, *others])[0]
    assert alone == together
    above = {a_row(n).id for n, c in enumerate(vectors.astype(np.float64) @ exact) if c > 1e-10}
    assert {c.id for c in alone.candidates} >= above


def test_too_little_similarity_takes_no_place_among_the_best_whatever_its_words() -> None:
    toward = np.eye(DIM, dtype=np.float32)[0]  # where a row without a vector might be thought
    near = towards(toward.astype(np.float64), np.full(10, 0.6), seed=1)
    far = towards(toward.astype(np.float64), np.full(10, 0.4), seed=2)
    rows = [a_row(n, text="tea", vector=None) for n in range(10)]
    rows += [a_row(10 + n, text="tea", vector=vector) for n, vector in enumerate(far)]
    rows += [
        a_row(20 + n, text="tea and a long list", vector=vector) for n, vector in enumerate(near)
    ]
    weights = Weights(vector=0.1, keyword=0.9, context=0.0, recency=0.0)
    plan = a_plan("tea", top_k=5, min_similarity=0.5, weights=weights)
    [ranked] = rank(a_view(rows).snapshot(), [replace(plan, vector=toward)])
    assert len(ranked.candidates) == 5
    assert {c.id for c in ranked.candidates} <= {row.id for row in rows[20:]}


def test_a_similarity_within_rounding_of_the_bound_is_judged_exactly() -> None:
    asked = wide_unit(384, 1)
    exact = asked.astype(np.float64)
    vectors = towards(exact / np.linalg.norm(exact), np.full(300, 0.5), seed=4)
    true = vectors.astype(np.float64) @ exact
    least = float(np.median(true))
    snapshot = a_wide_view(vectors, text="rain").snapshot()
    for mode in (Mode.VECTOR, Mode.HYBRID):
        asked_for = a_plan("tea", mode=mode, top_k=300, min_similarity=least)
        [ranked] = rank(snapshot, [replace(asked_for, vector=asked)])
        shown = {c.id for c in ranked.candidates}
        assert {a_row(n).id for n, c in enumerate(true) if c > least + 1e-12} <= shown
        assert not {a_row(n).id for n, c in enumerate(true) if c < least - 1e-12} & shown


@pytest.mark.parametrize("mode", [Mode.VECTOR, Mode.HYBRID])
def test_scores_that_round_alike_are_ordered_by_importance(mode: Mode) -> None:
    asked = unit(7)
    exact = asked.astype(np.float64)
    cosines = 0.9 - 4e-8 * np.arange(8, dtype=np.float64)
    vectors = towards(exact / np.linalg.norm(exact), cosines, seed=5)
    importances = [1.0 - 1e-9 * (8 - n) for n in range(8)]
    rows = [
        a_row(n, text="rain", vector=vector, importance=importance)
        for n, (vector, importance) in enumerate(zip(vectors, importances, strict=True))
    ]
    view = View("acme", dim=DIM, analyzer=ANALYZER)
    view.apply(rows, [Sample(position=1, importance=0.0), Sample(position=2, importance=1.0)])
    norms = norms_of(view)
    [ranked] = rank(view.snapshot(), [replace(a_plan("tea", mode=mode, top_k=2), vector=asked)])
    true = vectors.astype(np.float64) @ exact
    spread = true if mode is Mode.VECTOR else (true - FLOOR) / (true.max() - FLOOR) / 2.0
    factor = [n if mode is Mode.VECTOR else 0.9 + 0.1 * n for n in (norms[r.id] for r in rows)]
    slow = {row.id: float(spread[n]) * factor[n] for n, row in enumerate(rows)}
    order = sorted(slow, key=lambda i: (-round(slow[i] / 1e-6), -norms[i], i.bytes))
    assert [c.id for c in ranked.candidates] == order[:2]
    assert order[:2] != sorted(slow, key=lambda i: -slow[i])[:2]


def test_words_that_count_alike_to_a_millionth_are_ordered_by_importance() -> None:
    rows = [a_row(n, text="tea " + "rain " * n, importance=1.0 + n, vector=None) for n in range(6)]
    plan = a_plan("tea", mode=Mode.KEYWORD, top_k=2)
    flat = replace(plan, scoring=Scoring(b=1e-8))
    [ranked] = rank(a_view(rows).snapshot(), [flat])
    assert [c.id for c in ranked.candidates] == [rows[5].id, rows[4].id]


def test_the_configuration_is_told_apart_by_language_and_model() -> None:
    snapshot = a_view([a_row(n) for n in range(9)]).snapshot()
    plan = a_plan()
    changed = [
        plan,
        replace(plan, analyzer=Analyzer("german").revision),
        replace(plan, model_revision="other"),
        replace(plan, floor=0.0),
    ]
    configs = {why(ranked.candidates[0]).config for ranked in rank(snapshot, changed)}
    assert len(configs) == 4


def test_many_copies_of_one_text_do_not_hide_the_ties_order() -> None:
    same = [a_row(n, text="tea", vector=unit(7)) for n in range(1500)]
    view = a_view(same)
    [ranked] = rank(view.snapshot(), [a_plan("tea", top_k=4)])
    assert [c.id for c in ranked.candidates] == sorted(r.id for r in same)[:4]


def test_recency_counts_only_when_it_is_asked_for() -> None:
    old = a_row(0, text="tea", vector=unit(7), created_at=START - timedelta(days=300))
    new = a_row(1, text="tea", vector=unit(7))
    view = a_view([old, new])
    weights = Weights(vector=0.3, keyword=0.3, context=0.0, recency=0.4)
    [plain, recent] = rank(view.snapshot(), [a_plan("tea"), a_plan("tea", weights=weights)])
    assert plain.candidates[0].score == plain.candidates[1].score
    assert recent.candidates[0].id == new.id
    assert recent.candidates[0].score > recent.candidates[1].score


def test_a_stale_row_and_a_repeated_one_change_nothing_and_a_tombstone_stays() -> None:
    view = a_view([a_row(1, version=3)])
    assert view.apply([a_row(1, version=2), a_row(1, version=3)]) == 0
    assert view.apply([a_row(1, version=4, deleted=True)]) == 1
    assert view.apply([a_row(1, version=3), a_row(1, version=4)]) == 0
    assert view.live == 0
    assert view.apply([a_row(1, version=5)]) == 1
    assert view.live == 1


def test_vector_mode_shows_the_least_important_too() -> None:
    view = a_view(
        [a_row(0, importance=1.0, vector=unit(7)), a_row(1, importance=5.0, vector=unit(7))]
    )
    [ranked] = rank(view.snapshot(), [a_plan(mode=Mode.VECTOR)])
    assert [(c.id, c.norm) for c in ranked.candidates] == [(a_row(1).id, 1.0), (a_row(0).id, 0.0)]


def test_what_nothing_relates_to_the_query_is_not_shown() -> None:
    view = a_view([a_row(0, text="soup", vector=-unit(7))])
    for mode in Mode:
        assert not rank(view.snapshot(), [a_plan("tea", mode=mode)])[0].candidates
