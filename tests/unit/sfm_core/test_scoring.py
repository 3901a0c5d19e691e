"""Scores against the formula written out with dictionaries and loops."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import thread_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.chain import Chain
from sfm_core.errors import InvalidInput, Misconfigured
from sfm_core.model import F64, Weights
from sfm_core.scoring import (
    GRID,
    ROUNDING,
    Context,
    Scored,
    Scoring,
    combine,
    context_of,
    context_part,
    hybrid,
    keyword_only,
    keyword_part,
    normalised,
    recency_part,
    relevance,
    session_best,
    support,
    vector_only,
    vector_part,
)

UNIT = st.floats(0.0, 1.0, allow_nan=False)
WEIGHT = st.one_of(st.just(0.0), st.floats(1e-3, 1e3))
WEIGHTS = st.builds(Weights, vector=WEIGHT, keyword=WEIGHT, context=WEIGHT, recency=WEIGHT).filter(
    lambda w: w.vector + w.keyword + w.context + w.recency > 0.0
)


@dataclass(frozen=True)
class Row:
    session: str | None
    live: bool
    v: float
    k: float
    r: float
    norm: float


ROW = st.builds(
    Row,
    session=st.sampled_from([None, "a", "b", "c"]),
    live=st.booleans(),
    v=UNIT,
    k=UNIT,
    r=UNIT,
    norm=UNIT,
)
ROWS = st.lists(ROW, min_size=1, max_size=24)


def all_live(rows: Sequence[Row]) -> list[Row]:
    return [replace(row, live=True) for row in rows]


def chain_of(rows: Sequence[Row]) -> Chain:
    """Links every row of a session, dead or alive, in row order."""
    codes = {None: -1, "a": 4, "b": 0, "c": 7}
    previous, following = [-1] * len(rows), [-1] * len(rows)
    last: dict[str, int] = {}
    for at, row in enumerate(rows):
        if row.session is not None:
            if row.session in last:
                previous[at] = last[row.session]
                following[last[row.session]] = at
            last[row.session] = at
    return Chain(
        previous=np.array(previous, dtype=np.int32),
        next=np.array(following, dtype=np.int32),
        session=np.array([codes[row.session] for row in rows], dtype=np.int32),
    )


def live_chain(rows: Sequence[Row]) -> Chain:
    return chain_of(rows).among(np.array([row.live for row in rows]))


def column(rows: Sequence[Row], name: str) -> F64:
    return np.array([getattr(row, name) for row in rows], dtype=np.float64)


def slow_relevance(row: Row, weights: Weights) -> float:
    legs = weights.vector + weights.keyword
    if legs == 0.0:
        return (row.v + row.k) / 2.0
    return (weights.vector * row.v + weights.keyword * row.k) / legs


def slow_context(rows: Sequence[Row], at: int, scoring: Scoring) -> float:
    """The formula of the module's docstring, by looking things up one at a time."""
    own = slow_relevance(rows[at], scoring.weights)
    if rows[at].session is None or not rows[at].live:
        return own
    mates = [i for i, row in enumerate(rows) if row.live and row.session == rows[at].session]
    lend = {place: slow_relevance(rows[i], scoring.weights) for place, i in enumerate(mates)}
    here = mates.index(at)
    return (
        scoring.near * (lend.get(here - 1, own) + lend.get(here + 1, own))
        + scoring.far * (lend.get(here - 2, own) + lend.get(here + 2, own))
        + scoring.session * max(lend.values())
    )


def slow_hybrid(rows: Sequence[Row], at: int, scoring: Scoring) -> float:
    w, row = scoring.weights, rows[at]
    total = w.vector + w.keyword + w.context + w.recency
    factor = 1.0 - scoring.beta + scoring.beta * row.norm
    parts = (
        w.vector * row.v
        + w.keyword * row.k
        + w.context * slow_context(rows, at, scoring)
        + w.recency * row.r
    )
    return factor * parts / total


def exact(rows: Sequence[Row], candidates: Sequence[int], scoring: Scoring) -> dict[int, Scored]:
    """What the engine does: float32 over all rows, then float64 for the support only."""
    chain, some = live_chain(rows), np.array(candidates, dtype=np.int64)
    v, k = column(rows, "v"), column(rows, "k")
    rough = relevance(v.astype(np.float32), k.astype(np.float32), scoring.weights)
    needed = support(some, rough, session_best(rough, chain), chain, margin=2.0 * ROUNDING)
    rel = np.full(len(rows), math.nan)
    rel[needed.rows] = relevance(v[needed.rows], k[needed.rows], scoring.weights)
    scores = hybrid(
        v=v[some],
        k=k[some],
        r=column(rows, "r")[some],
        context=context_of(some, rel, needed.peers, chain, scoring),
        norm=column(rows, "norm")[some],
        scoring=scoring,
    )
    return {at: scores.at(i) for i, at in enumerate(candidates)}


def whole_context(rel: F64, chain: Chain, scoring: Scoring) -> F64:
    return context_part(rel, session_best(rel, chain), chain, scoring)


# -- the parts ---------------------------------------------------------------------------------


def test_the_vector_part_runs_from_the_floor_to_the_best() -> None:
    part = vector_part(np.array([-0.5, 0.4, 0.6, 0.8]), best=0.8, floor=0.4)
    assert part == pytest.approx([0.0, 0.0, 0.5, 1.0])


def test_a_row_the_filter_left_out_counts_as_the_best_at_most() -> None:
    assert vector_part(np.array([0.9]), best=0.5, floor=0.0).tolist() == [1.0]
    assert keyword_part(np.array([9.0]), best=5.0).tolist() == [1.0]


def test_nothing_above_the_floor_is_no_vector_part() -> None:
    assert vector_part(np.array([0.3, 0.4]), best=0.4, floor=0.4).tolist() == [0.0, 0.0]


def test_no_word_found_is_no_keyword_part() -> None:
    assert keyword_part(np.zeros(2), best=0.0).tolist() == [0.0, 0.0]


def test_recency_halves_with_each_half_life_and_the_future_is_now() -> None:
    part = recency_part(np.array([-5.0, 0.0, 10.0, 20.0]), half_life_s=10.0)
    assert part.tolist() == [1.0, 1.0, 0.5, 0.25]


@given(st.lists(st.floats(-1.0, 1.0), min_size=1), st.floats(-0.2, 0.5))
def test_the_parts_keep_order_and_stay_in_the_unit_interval(
    cosines: list[float], floor: float
) -> None:
    cosine = np.array(cosines)
    part = vector_part(cosine, best=max(cosines), floor=floor)
    assert ((part >= 0.0) & (part <= 1.0)).all()
    assert (np.diff(part[np.argsort(cosine)]) >= 0.0).all()


def test_parts_keep_the_precision_they_are_given() -> None:
    half = np.array([0.5], dtype=np.float32)
    alone = Chain(**{n: np.array([-1], np.int32) for n in ("previous", "next", "session")})
    together = Chain(
        previous=np.array([-1, 0], np.int32),
        next=np.array([1, -1], np.int32),
        session=np.array([0, 0], np.int32),
    )
    weights = Scoring().weights
    v, k = vector_part(half, best=1.0, floor=0.0), keyword_part(half, best=1.0)
    two = np.tile(half, 2)
    for part in (v, k, relevance(v, k, weights), context_part(v, v, alone, Scoring())):
        assert part.dtype == np.float32
    best = session_best(two, together)
    assert best.dtype == np.float32
    assert context_part(two, best, together, Scoring()).dtype == np.float32
    assert combine(v, k, v, None, half, Scoring()).dtype == np.float32


# -- context -----------------------------------------------------------------------------------


@given(ROWS, WEIGHTS)
def test_the_context_is_what_the_slow_version_says(rows: list[Row], weights: Weights) -> None:
    scoring = Scoring(weights=weights)
    rel = relevance(column(rows, "v"), column(rows, "k"), weights)
    part = whole_context(rel, live_chain(rows), scoring)
    expected = [slow_context(rows, at, scoring) for at in range(len(rows))]
    assert part == pytest.approx(expected, abs=1e-12)
    assert ((part >= 0.0) & (part <= 1.0)).all()


@given(ROWS, st.lists(UNIT, min_size=24, max_size=24))
def test_dead_rows_lend_nothing(rows: list[Row], other: list[float]) -> None:
    changed = [
        row if row.live else replace(row, v=v, k=v) for row, v in zip(rows, other, strict=False)
    ]
    weights = Scoring().weights
    before, after = (
        whole_context(
            relevance(column(some, "v"), column(some, "k"), weights), live_chain(some), Scoring()
        )
        for some in (rows, changed)
    )
    live = column(rows, "live") == 1.0
    assert before[live].tolist() == after[live].tolist()


def test_without_sessions_the_order_is_that_of_the_legs() -> None:
    rng = np.random.default_rng(1)
    rows = [Row(None, True, v, k, 0.0, 1.0) for v, k in rng.random((50, 2))]
    scoring = Scoring()
    v, k, norm = column(rows, "v"), column(rows, "k"), column(rows, "norm")
    context = whole_context(relevance(v, k, scoring.weights), chain_of(rows), scoring)
    score = combine(v, k, context, None, norm, scoring)
    assert score == pytest.approx((v + k) / 2.0)


def test_a_memory_is_lifted_by_the_answer_next_to_it() -> None:
    rows = [
        Row("a", True, 0.3, 0.3, 0.0, 1.0),
        Row("a", True, 1.0, 1.0, 0.0, 1.0),
        Row("b", True, 0.3, 0.3, 0.0, 1.0),
    ]
    part = whole_context(column(rows, "v"), chain_of(rows), Scoring())
    assert part[0] > 0.7
    assert part[2] == pytest.approx(0.3)


def test_no_rows_have_no_context() -> None:
    none = np.array([], dtype=np.int32)
    chain = Chain(previous=none, next=none, session=none)
    assert whole_context(np.array([], dtype=np.float64), chain, Scoring()).shape == (0,)
    assert chain.among(np.array([], dtype=np.bool_)) is chain


def test_a_chain_steps_over_a_long_run_of_dead_rows() -> None:
    rows = [Row("a", at in (0, 99), 0.0, 0.0, 0.0, 1.0) for at in range(100)]
    chain = live_chain(rows)
    assert chain.next[0] == 99
    assert chain.previous[99] == 0
    assert np.flatnonzero(chain.session == 4).tolist() == [0, 99]


# -- the whole score ---------------------------------------------------------------------------


@given(ROWS, WEIGHTS, UNIT)
def test_the_score_is_what_the_slow_version_says(
    rows: list[Row], weights: Weights, beta: float
) -> None:
    scoring = Scoring(weights=weights, beta=beta)
    v, k = column(rows, "v"), column(rows, "k")
    context = whole_context(relevance(v, k, weights), live_chain(rows), scoring)
    score = combine(v, k, context, column(rows, "r"), column(rows, "norm"), scoring)
    expected = [slow_hybrid(rows, at, scoring) for at in range(len(rows))]
    assert score == pytest.approx(expected, abs=1e-12)


@given(ROWS.map(all_live), WEIGHTS, UNIT, st.data())
def test_a_few_rows_scored_exactly_agree_with_the_slow_version(
    rows: list[Row], weights: Weights, beta: float, data: st.DataObject
) -> None:
    scoring = Scoring(weights=weights, beta=beta)
    candidates = data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1))
    for at, scored in exact(rows, sorted(candidates), scoring).items():
        assert scored.score == pytest.approx(slow_hybrid(rows, at, scoring), abs=4.0 / GRID)


@given(ROWS, WEIGHTS, UNIT)
def test_the_parts_add_up_exactly_and_stay_in_bounds(
    rows: list[Row], weights: Weights, beta: float
) -> None:
    scoring = Scoring(weights=weights, beta=beta)
    live = [at for at, row in enumerate(rows) if row.live]
    for scored in exact(rows, live, scoring).values():
        parts = list(scored.parts.values())
        assert sum(parts) == scored.score
        assert sum(reversed(parts)) == scored.score
        running = 0.0
        for part in parts:
            running += part
        assert running == scored.score
        assert all(0.0 <= part <= 1.0 for part in parts)
        assert 0.0 <= scored.score <= 1.0
        assert math.isclose(sum(scored.weights.values()), 1.0, rel_tol=1e-12)
        assert all(0.0 <= value <= 1.0 for value in scored.values.values())
        for leg, part in scored.parts.items():
            explained = scored.factor * scored.weights[leg] * scored.values[leg]
            assert part == pytest.approx(explained, abs=4.0 / GRID)


def test_the_context_is_explained_as_zero_where_nothing_is_around() -> None:
    rows = [Row(None, True, 0.5, 0.7, 0.0, 1.0), Row("a", True, 0.5, 0.7, 0.0, 1.0)]
    for scored in exact(rows, [0, 1], Scoring()).values():
        assert scored.weights["context"] == 0.0
        assert scored.parts["context"] == 0.0
        assert scored.score == pytest.approx(0.6)


def one(value: float) -> F64:
    return np.array([value])


ALONE = Context(lent=one(0.0), own=one(1.0))


def test_a_perfect_match_scores_one() -> None:
    context, full = Context(lent=one(1.0), own=one(0.0)), one(1.0)
    scores = hybrid(v=full, k=full, r=full, context=context, norm=full, scoring=Scoring())
    assert scores.score.tolist() == [1.0]


def test_importance_lowers_a_hybrid_score_by_beta_at_most() -> None:
    half, scoring = one(0.5), Scoring(beta=0.1)
    high, low = (
        float(
            hybrid(v=half, k=half, r=one(0.0), context=ALONE, norm=one(norm), scoring=scoring)
            .at(0)
            .score
        )
        for norm in (1.0, 0.0)
    )
    assert low == pytest.approx(0.9 * high)


def test_the_fast_core_formula_is_cosine_times_importance() -> None:
    scores = vector_only(np.array([0.8, -0.8, 1.0 + 1e-9]), np.array([0.5, 0.5, 1.0]))
    assert scores.score == pytest.approx([0.4, 0.0, 1.0])
    assert scores.score.max() == 1.0


def test_the_keyword_score_is_the_keyword_part() -> None:
    assert keyword_only(one(0.25)).at(0).parts == {"keyword": 0.25}


# -- support -----------------------------------------------------------------------------------


def test_support_names_neighbours_and_the_rows_that_may_be_best() -> None:
    rows = [Row("a", True, 0.0, 0.0, 0.0, 1.0) for _ in range(10)]
    rel = np.array([0, 0, 0, 0, 0, 0, 0, 0.9, 0.9 - 1e-6, 0.8], dtype=np.float32)
    chain = chain_of(rows)
    needed = support(np.array([1]), rel, session_best(rel, chain), chain, margin=1e-5)
    assert needed.rows.tolist() == [0, 1, 2, 3, 7, 8]
    assert needed.peers.tolist() == [7, 8]


def test_the_best_of_a_session_is_found_among_any_number_that_may_be() -> None:
    fine = 0.5 + 1e-9 * np.random.default_rng(2).permutation(1000)
    rows = [Row("a", True, v, v, 0.0, 1.0) for v in fine]
    found = exact(rows, [500], Scoring())[500].score
    assert found == pytest.approx(slow_hybrid(rows, 500, Scoring()), abs=4.0 / GRID)


def test_support_for_many_sessions_costs_no_more_than_for_a_few() -> None:
    rows, sessions = 100_000, 5_000
    session = (np.arange(rows) % sessions).astype(np.int32)
    none = np.full(rows, -1, dtype=np.int32)
    chain = Chain(previous=none, next=none, session=session)
    rel = np.random.default_rng(0).random(rows).astype(np.float32)
    best = session_best(rel, chain)

    def cost_s(candidates: int) -> float:
        before = thread_time()
        needed = support(np.arange(candidates), rel, best, chain, margin=0.0)
        took = thread_time() - before
        assert sorted(session[needed.peers].tolist()) == list(range(candidates))
        assert (rel[needed.peers] == best[needed.peers]).all()
        return took

    few, many = (min(cost_s(candidates) for _ in range(7)) for candidates in (5, 2_000))
    assert many < 8.0 * few


def test_rows_without_a_session_have_no_peers() -> None:
    rows = [Row(None, True, 0.5, 0.5, 0.0, 1.0), Row("a", True, 0.4, 0.4, 0.0, 1.0)]
    rel, chain = np.array([0.5, 0.4], dtype=np.float32), chain_of(rows)
    needed = support(np.array([0]), rel, session_best(rel, chain), chain, margin=1.0)
    assert (needed.rows.tolist(), needed.peers.tolist()) == ([0], [])


# -- settings ----------------------------------------------------------------------------------


@given(WEIGHTS)
def test_weights_are_used_in_proportion(weights: Weights) -> None:
    scaled = normalised(weights)
    total = scaled.vector + scaled.keyword + scaled.context + scaled.recency
    assert total == pytest.approx(1.0, abs=1e-12)
    assert scaled.vector * weights.keyword == pytest.approx(scaled.keyword * weights.vector)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_senseless_weight_is_refused(bad: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        Scoring().weighted(Weights(vector=bad, keyword=1.0, context=1.0, recency=1.0))
    assert caught.value.faults[0].path == "/weights"


def test_weights_that_are_all_zero_are_refused() -> None:
    nothing = Weights(vector=0.0, keyword=0.0, context=0.0, recency=0.0)
    with pytest.raises(InvalidInput):
        Scoring().weighted(nothing)
    with pytest.raises(Misconfigured):
        Scoring(weights=nothing)


def test_huge_and_tiny_weights_do_not_overflow() -> None:
    huge = normalised(Weights(vector=1.7e308, keyword=1.7e308, context=0.0, recency=5e-324))
    assert (huge.vector, huge.keyword) == (0.5, 0.5)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Scoring(beta=1.1),
        lambda: Scoring(b=-0.1),
        lambda: Scoring(k1=math.nan),
        lambda: Scoring(half_life_s=0.0),
        lambda: Scoring(near=0.2),
        lambda: Scoring(session=math.nan),
    ],
)
def test_a_constant_out_of_range_does_not_start(build: Callable[[], Scoring]) -> None:
    with pytest.raises(Misconfigured):
        build()


def test_the_configuration_hash_tells_settings_models_and_analyzers_apart() -> None:
    facts: dict[str, Any] = {"model_revision": "m1", "floor": 0.1, "analyzer": "1/english"}
    plain = Scoring().config(**facts)
    assert plain == Scoring().config(**facts)
    settings = (Scoring(beta=0.2), Scoring(k1=0.2), Scoring(b=0.2), Scoring(half_life_s=0.2))
    changes = ({"model_revision": "m2"}, {"floor": 0.0}, {"analyzer": "1/german"})
    others = [scoring.config(**facts) for scoring in settings]
    others += [Scoring().config(**{**facts, **changed}) for changed in changes]
    assert len({plain, *others}) == 8


def test_a_request_without_weights_keeps_the_settings() -> None:
    scoring = Scoring()
    assert scoring.weighted(None) is scoring
