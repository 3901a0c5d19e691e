"""Ranking the few rows that matter against ranking all of them: not a bit may differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.filters import Op, Term
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import F32, RecallQuery, Sample, ViewRow, Weights
from sfm_core.recall import rank as ranking
from sfm_core.recall.narrowing import narrowed
from sfm_core.recall.rank import Plan, Ranked, rank, standings
from sfm_core.recall.view import Snapshot, View
from sfm_core.scoring import Scoring
from sfm_core.slab.vectors import Slab

DIM = 128
ROWS = 3000
TOPICS = 40
NOW = datetime(2026, 2, 1, tzinfo=UTC)
WORDS = ("tea", "rain", "lisbon", "train", "garden", "tax", "violin", "soup")
ANALYZER = Analyzer("english")


def units(drawn: F32) -> F32:
    scaled: F32 = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    return scaled


@cache
def topics() -> F32:
    drawn = np.random.default_rng(1).standard_normal((TOPICS, DIM)).astype(np.float32)
    return units(drawn)


def about(topic: int, seed: int, *, noise: float = 0.03) -> F32:
    """A unit vector near a topic; such rows have the structure that a first pass needs."""
    drawn = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return units(topics()[topic % TOPICS] + np.float32(noise) * drawn)


def a_row(number: int, **changed: Any) -> ViewRow:
    rng = np.random.default_rng(number)
    coordinate = Coordinate.of([number])
    born = NOW - timedelta(days=1, minutes=ROWS - number)
    row = ViewRow(
        namespace="acme",
        id=memory_id("acme", coordinate),
        coordinate=coordinate,
        version=1,
        position=1 + number,
        text=" ".join(rng.choice(WORDS, size=int(rng.integers(1, 7)))),
        created_at=born,
        updated_at=born,
        importance=float(rng.integers(1, 9)),
        session=None if number % 7 == 0 else f"s{number // 5}",
        tags=("even",) if number % 2 == 0 else (),
        expires_at=NOW if number % 31 == 0 else None,
        vector=None if number % 53 == 0 else about(number // 5, number),
    )
    return replace(row, **changed)


def with_first_pass(snapshot: Snapshot) -> Snapshot:
    slab = Slab(snapshot.slab.dim, prefix_from=1)
    slab.append(snapshot.slab.vectors)
    return replace(snapshot, slab=slab.snapshot())


def a_snapshot(rows: list[ViewRow]) -> Snapshot:
    view = View("acme", dim=DIM, analyzer=ANALYZER)
    view.apply(rows, [Sample(position=r.position, importance=r.importance) for r in rows])
    return view.snapshot()


@cache
def mixed() -> tuple[Snapshot, Snapshot]:
    """Rows with and without sessions, vectors and an end, some deleted: plain, with first pass."""
    view = View("acme", dim=DIM, analyzer=ANALYZER)
    rows = [a_row(number) for number in range(ROWS)]
    view.apply(rows, [Sample(position=r.position, importance=r.importance) for r in rows])
    view.apply([a_row(n, version=2, position=ROWS + n, deleted=True) for n in range(0, ROWS, 17)])
    return view.snapshot(), with_first_pass(view.snapshot())


def a_plan(text: str, vector: F32, **asked: Any) -> Plan:
    return Plan(
        query=RecallQuery(query=text, explain=True, **asked),
        vector=vector,
        terms=ANALYZER.terms(text),
        now=NOW,
        scoring=Scoring(),
        floor=0.05,
        model_revision="test",
        analyzer=ANALYZER.revision,
    )


@contextmanager
def narrowing_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether each search that tried was narrowed."""
    done: list[bool] = []

    def counted(*given: Any, **named: Any) -> Any:
        found = narrowed(*given, **named)
        done.append(found is not None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(ranking, "narrowed", counted)
        yield done


asked_strategy = st.fixed_dictionaries(
    {
        "top_k": st.sampled_from([1, 3, 10, 40]),
        "weights": st.sampled_from(
            [
                None,
                Weights(vector=1.0, keyword=0.0, context=0.0, recency=0.0),
                Weights(vector=0.0, keyword=0.3, context=0.7, recency=0.0),
                Weights(vector=0.3, keyword=0.1, context=0.3, recency=0.3),
            ]
        ),
        "filter": st.sampled_from(
            [None, Term("@tags", Op.EQ, "even"), Term("@session", Op.EQ, "s7")]
        ),
    }
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.integers(0, TOPICS - 1),
    st.sampled_from([0.01, 0.1, 1.0]),
    st.integers(0, 1 << 16),
    asked_strategy,
)
def test_narrowed_or_not_the_answer_is_the_same_to_the_bit(
    words: list[str], topic: int, noise: float, seed: int, asked: dict[str, Any]
) -> None:
    plan = a_plan(" ".join(words), about(topic, 9000 + seed, noise=noise), **asked)
    whole, few = mixed()
    assert rank(few, [plan]) == rank(whole, [plan])


def test_what_has_structure_is_narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, _ = mixed()
    few = with_first_pass(plain)  # one that no search before has told to pause
    plans = [a_plan(WORDS[n % 8], about(n, 9000 + n)) for n in range(8)]
    with narrowing_counted(monkeypatch) as done:
        alone = [rank(few, [plan])[0] for plan in plans]
    assert done == [True] * 8
    assert alone == rank(plain, plans)


def test_a_narrowed_search_makes_no_product_with_all_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: Any) -> None:
        raise AssertionError("a product with all rows")

    monkeypatch.setattr("sfm_core.slab.snapshot.SlabSnapshot.scores", refused)
    [ranked] = rank(mixed()[1], [a_plan("tea", about(3, 1), top_k=10)])
    assert len(ranked.candidates) == 10


def test_what_shares_a_wave_changes_nothing_whether_narrowed_or_not() -> None:
    _, few = mixed()
    plans = [a_plan(WORDS[n % 8], about(n, 100 + n)) for n in range(12)]
    blind = replace(plans[0], vector=None)
    similar = replace(plans[1], query=replace(plans[1].query, min_similarity=0.5))
    alone: list[Ranked] = [rank(few, [plan])[0] for plan in [*plans, blind, similar]]
    assert rank(few, [*plans, blind, similar]) == alone
    assert rank(few, [plans[0], blind, similar]) == [alone[0], alone[12], alone[13]]


def test_near_ties_that_only_exact_scores_tell_apart_are_all_there() -> None:
    asked = about(0, 1)
    rows = [a_row(n, expires_at=None, session=None, text="soup") for n in range(ROWS)]
    rest = np.random.default_rng(5).standard_normal(DIM)
    exact = asked.astype(np.float64)
    rest -= (rest @ exact) * exact
    rest /= np.linalg.norm(rest)
    for n in range(30):
        cosine = 0.99 - 3e-8 * n
        near = cosine * exact + np.sqrt(1.0 - cosine**2) * rest
        rows[100 * n] = replace(rows[100 * n], vector=near.astype(np.float32), importance=5.0)
    plain = a_snapshot(rows)
    plan = a_plan("tea", asked, top_k=10)
    assert rank(with_first_pass(plain), [plan]) == rank(plain, [plan])


def test_copies_of_one_text_are_ordered_as_without_narrowing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    same = [
        a_row(n, text="tea", vector=about(0, 1), session=None, expires_at=None, importance=1.0)
        if n % 2
        else a_row(n)
        for n in range(ROWS)
    ]
    plain = a_snapshot(same)
    plan = a_plan("tea", about(0, 1), top_k=4)
    with narrowing_counted(monkeypatch) as done:
        assert rank(with_first_pass(plain), [plan]) == rank(plain, [plan])
    assert done == [False]


def test_nothing_admitted_with_a_vector_and_nothing_alike_are_answered_alike() -> None:
    plain, few = mixed()
    opposite = -about(3, 1)
    none = Term("@tags", Op.EQ, "none")
    for plan in (
        a_plan("tea", opposite),
        a_plan("nothing", opposite),
        a_plan("tea", about(3, 1), filter=none),
    ):
        assert rank(few, [plan]) == rank(plain, [plan])
    blind = [a_row(n, vector=None, session=None) for n in range(400)]
    rows = [*blind, *(a_row(n, tags=("seen",)) for n in range(400, ROWS))]
    plain = a_snapshot([replace(row, tags=row.tags or ("blind",)) for row in rows])
    plan = a_plan("tea rain", about(3, 1), filter=Term("@tags", Op.EQ, "blind"))
    assert rank(with_first_pass(plain), [plan]) == rank(plain, [plan])


def test_where_all_are_asked_for_places_are_those_of_all() -> None:
    plain, few = mixed()
    plan = a_plan("tea", about(3, 1))
    assert standings(few, plan, range(20)) == standings(plain, plan, range(20))


def test_what_has_no_vector_is_not_taken_for_the_most_alike() -> None:
    plain, few = mixed()
    toward = np.eye(DIM, dtype=np.float32)[0]  # where a row without a vector might be thought
    assert not plain.embedded.all()
    for seed in range(8):
        plan = a_plan("violin", units(toward + np.float32(0.02) * topics()[seed]))
        assert rank(few, [plan]) == rank(plain, [plan])
