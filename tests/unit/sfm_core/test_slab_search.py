"""Candidates against brute force in float64, on inputs made to break the bound."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.errors import DimensionMismatch, InvalidInput
from sfm_core.model import F32, F64, I64, Mask
from sfm_core.slab import prefix as prefix_module
from sfm_core.slab.snapshot import SlabSnapshot
from sfm_core.slab.vectors import Slab

DIM = 128
FROM = 1024
"""Rows from which these tests let the slab use a prefix."""


def unit(drawn: F64) -> F32:
    vectors: F32 = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def low_rank(rng: np.random.Generator, rows: int) -> F64:
    frame = rng.standard_normal((DIM, DIM))
    return rng.standard_normal((rows, DIM)) @ (frame * 0.8 ** np.arange(DIM)[:, None])


def flat(rng: np.random.Generator, rows: int) -> F64:
    return rng.standard_normal((rows, DIM))


def duplicates(rng: np.random.Generator, rows: int) -> F64:
    return low_rank(rng, 40)[rng.integers(0, 40, rows)]


def near_ties(rng: np.random.Generator, rows: int) -> F64:
    steps = 10.0 ** rng.integers(-9, -5, (rows, 1))
    return low_rank(rng, 5)[rng.integers(0, 5, rows)] + steps * rng.standard_normal((rows, DIM))


def all_equal(rng: np.random.Generator, rows: int) -> F64:
    return np.repeat(low_rank(rng, 1), rows, axis=0)


def mostly_outside(rng: np.random.Generator, rows: int) -> F64:
    """Most rows span 32 axes; a few lie where the prefix sees nothing at all."""
    drawn = np.zeros((rows, DIM))
    drawn[:, :32] = rng.standard_normal((rows, 32))
    strays = rng.integers(0, rows, max(1, rows // 200))
    drawn[strays] = 0.0
    drawn[strays, 32 + rng.integers(0, DIM - 32, strays.shape[0])] = 1.0
    return drawn


def axes(rng: np.random.Generator, rows: int) -> F64:
    return np.eye(DIM)[rng.integers(0, DIM, rows)]


SHAPES: list[Callable[[np.random.Generator, int], F64]] = [
    low_rank,
    flat,
    duplicates,
    near_ties,
    all_equal,
    mostly_outside,
    axes,
]


def asked(rng: np.random.Generator, vectors: F32, manner: str) -> F32:
    row = vectors[rng.integers(0, vectors.shape[0])].astype(np.float64)
    if manner == "opposite":
        row = -row
    if manner == "near":
        row = row + 0.05 * rng.standard_normal(DIM)
    if manner == "far":
        row = rng.standard_normal(DIM)
    if manner == "axis":
        row = np.eye(DIM)[DIM - 1]
    query: F32 = unit(row[None, :])[0]
    return query


def must_be_there(
    vectors: F32,
    query: F32,
    k: int,
    *,
    mask: Mask | None = None,
    factors: F64 | None = None,
    floor: float = 0.0,
    at_least: float = -1.0,
) -> I64:
    """The obvious slow version, ties of 1e-6 included."""
    cosines = np.clip(vectors.astype(np.float64) @ query.astype(np.float64), -1.0, 1.0)
    scores = np.maximum(0.0, cosines - floor) * (1.0 if factors is None else factors)
    admitted = cosines >= at_least
    if mask is not None:
        admitted &= mask
    rows: I64 = np.flatnonzero(admitted)
    if k <= 0 or rows.shape[0] == 0:
        return rows[:0]
    kth = np.sort(scores[rows])[::-1][min(k, rows.shape[0]) - 1]
    best: I64 = rows[scores[rows] >= kth - 1e-6]
    return best


@settings(max_examples=250, deadline=None)
@given(
    shape=st.sampled_from(SHAPES),
    rows=st.sampled_from([1, 2, 50, 1024, 1500, 4000]),
    manner=st.sampled_from(["row", "near", "far", "opposite", "axis"]),
    k=st.sampled_from([0, 1, 3, 10, 200, 5000]),
    seed=st.integers(0, 2**32),
    admitted=st.sampled_from([None, 0.0, 0.02, 0.5, 0.99]),
    weighted=st.sampled_from(["no", "even", "many zero", "huge", "tiny"]),
    floor=st.sampled_from([0.0, 0.0, 0.4, -0.3]),
    at_least=st.sampled_from([-1.0, -1.0, 0.0, 0.5, 1.0]),
)
def test_candidates_hold_every_row_that_brute_force_puts_among_the_k_best(
    shape: Callable[[np.random.Generator, int], F64],
    rows: int,
    manner: str,
    k: int,
    seed: int,
    admitted: float | None,
    weighted: str,
    floor: float,
    at_least: float,
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(shape(rng, rows))
    query = asked(rng, vectors, manner)
    mask = None if admitted is None else rng.random(rows) < admitted
    factors = None if weighted == "no" else rng.random(rows)
    if factors is not None and weighted == "many zero":
        factors[rng.random(rows) < 0.9] = 0.0
    if factors is not None and weighted in ("huge", "tiny"):
        factors *= 1e20 if weighted == "huge" else 1e-20
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(vectors)
    found = slab.snapshot().candidates(
        query, k, mask=mask, factors=factors, floor=floor, at_least=at_least
    )
    needed = must_be_there(
        vectors, query, k, mask=mask, factors=factors, floor=floor, at_least=at_least
    )
    assert set(needed.tolist()) <= set(found.tolist())
    assert np.array_equal(found, np.unique(found))
    if mask is not None:
        assert mask[found].all()


@settings(max_examples=100, deadline=None)
@given(
    shape=st.sampled_from(SHAPES),
    manner=st.sampled_from(["row", "near", "far", "opposite", "axis"]),
    seed=st.integers(0, 2**32),
)
def test_every_cosine_lies_within_its_bounds(
    shape: Callable[[np.random.Generator, int], F64], manner: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(shape(rng, 1200))
    query = asked(rng, vectors, manner)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(vectors)
    bounds = slab.snapshot().bounds(query)
    assert bounds is not None
    lower, upper = bounds
    cosines = vectors.astype(np.float64) @ query.astype(np.float64)
    assert (lower <= cosines).all()
    assert (cosines <= upper).all()


@settings(max_examples=30, deadline=None)
@given(
    basis=st.sampled_from(["random", "scaled", "repeated"]),
    seed=st.integers(0, 2**32),
)
def test_the_bound_holds_for_a_basis_that_is_far_from_orthonormal(basis: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, width = unit(low_rank(rng, 300)), 32
    frame = np.linalg.qr(rng.standard_normal((DIM, width)))[0]
    if basis == "random":
        frame += 0.01 * rng.standard_normal(frame.shape)
    if basis == "scaled":
        frame *= 1.0 + 0.05 * rng.random(width)
    if basis == "repeated":
        frame[:, 1] = frame[:, 0]
    skewed = np.ascontiguousarray(frame, dtype=np.float32)
    eta, slack = prefix_module._margins(skewed)
    empty = prefix_module.Prefix(
        skewed,
        np.empty((300, width), dtype=np.float32),
        np.empty(300, dtype=np.float32),
        0,
        300,
        eta,
        slack,
    )
    query = asked(rng, vectors, "near")
    [bounds] = empty.extended(vectors, 300).bounds(query[None, :], 300)
    cosines = vectors.astype(np.float64) @ query.astype(np.float64)
    assert (np.abs(cosines - bounds.centre) <= bounds.spread).all()


def test_a_slab_with_structure_answers_without_the_full_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    vectors = unit(low_rank(rng, 5000))
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(vectors)

    def refused(self: SlabSnapshot, queries: F32) -> F32:
        raise AssertionError(f"full product for {queries.shape[0]} queries of {self.rows} rows")

    monkeypatch.setattr(SlabSnapshot, "scores", refused)
    for _ in range(10):
        query = asked(rng, vectors, "near")
        found = slab.snapshot().candidates(query, 10)
        assert set(must_be_there(vectors, query, 10).tolist()) <= set(found.tolist())
        assert found.shape[0] < 20


def test_rows_without_structure_stop_costing_a_first_pass() -> None:
    rng = np.random.default_rng(2)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(unit(flat(rng, 3000)))
    for _ in range(12):
        slab.snapshot().candidates(asked(rng, slab.snapshot().vectors, "far"), 5)
    assert slab.snapshot().bounds(asked(rng, slab.snapshot().vectors, "far")) is None


def test_rows_appended_later_are_found_and_a_doubled_slab_is_fitted_anew() -> None:
    rng = np.random.default_rng(3)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(unit(low_rank(rng, 1100)))
    slab.snapshot().prepare()
    first = slab._index._current
    assert first is not None
    for rows in (1, 300, 5):
        slab.append(unit(low_rank(rng, rows)))
        snapshot = slab.snapshot()
        last = snapshot.vectors[-1]
        assert snapshot.rows - 1 in snapshot.candidates(last, 1)
    grown = slab._index._current
    assert grown is not None
    assert (grown.basis is first.basis, grown.rows) == (True, slab.rows)
    slab.append(unit(flat(rng, 1200)))
    slab.snapshot().prepare()
    refitted = slab._index._current
    assert refitted is not None
    assert (refitted.basis is first.basis, refitted.rows) == (False, slab.rows)
    assert slab.nbytes >= slab.rows * 4 * (DIM + DIM // 4 + 1)


def test_an_older_snapshot_is_searched_over_its_own_rows_only() -> None:
    rng = np.random.default_rng(4)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(unit(low_rank(rng, 1500)))
    old = slab.snapshot()
    slab.append(unit(low_rank(rng, 2000)))
    slab.snapshot().prepare()
    query = slab.snapshot().vectors[3000]
    found = old.candidates(query, 10)
    assert set(must_be_there(old.vectors, query, 10).tolist()) <= set(found.tolist())
    assert found.max() < 1500


def test_a_compacted_slab_keeps_its_prefix_and_finds_the_same_vectors() -> None:
    rng = np.random.default_rng(5)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(unit(low_rank(rng, 4000)))
    slab.snapshot().prepare()
    fresh = slab.compact(rng.random(4000) < 0.5)
    fresh.append(unit(low_rank(rng, 10)))
    snapshot = fresh.snapshot()
    query = asked(rng, snapshot.vectors, "near")
    found = snapshot.candidates(query, 10)
    assert set(must_be_there(snapshot.vectors, query, 10).tolist()) <= set(found.tolist())
    before, after = slab._index._current, fresh._index._current
    assert before is not None
    assert after is not None
    assert before.basis is after.basis


def test_a_reader_does_not_wait_for_another_that_builds_the_prefix() -> None:
    rng = np.random.default_rng(6)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(unit(low_rank(rng, 2000)))
    snapshot, query = slab.snapshot(), slab.snapshot().vectors[7]
    found: list[I64] = []
    with slab._index._lock:
        reader = threading.Thread(target=lambda: found.append(snapshot.candidates(query, 3)))
        reader.start()
        reader.join(timeout=30)
    assert not reader.is_alive()
    assert set(must_be_there(snapshot.vectors, query, 3).tolist()) <= set(found[0].tolist())


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from(SHAPES),
    rows=st.sampled_from([300, 2500]),
    count=st.integers(0, 12),
    seed=st.integers(0, 2**32),
)
def test_several_queries_at_once_find_what_brute_force_finds_for_each(
    shape: Callable[[np.random.Generator, int], F64], rows: int, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(shape(rng, rows))
    manners = rng.choice(["row", "near", "far"], count)
    queries = np.array([asked(rng, vectors, manner) for manner in manners], dtype=np.float32)
    ks = rng.integers(0, 30, count).tolist()
    masks = [None if rng.random() < 0.5 else rng.random(rows) < rng.random() for _ in ks]
    factors = rng.random(rows)
    slab = Slab(DIM, prefix_from=FROM)
    slab.append(vectors)
    found = slab.snapshot().candidates_each(
        queries.reshape(count, DIM), ks, masks=masks, factors=factors
    )
    assert len(found) == count
    for query, k, mask, rows_found in zip(queries, ks, masks, found, strict=True):
        needed = must_be_there(vectors, query, k, mask=mask, factors=factors)
        assert set(needed.tolist()) <= set(rows_found.tolist())


def test_an_empty_slab_has_no_candidates() -> None:
    snapshot = Slab(DIM).snapshot()
    query = unit(np.ones((1, DIM)))[0]
    assert snapshot.candidates(query, 5).shape == (0,)
    assert snapshot.scores(query[None, :]).shape == (1, 0)
    assert snapshot.exact(np.zeros(0, dtype=np.int64), query).shape == (0,)


@pytest.mark.parametrize(
    "bad",
    [
        {"mask": np.ones(4, dtype=np.bool_)},
        {"factors": np.ones(6)},
        {"factors": np.array([1.0, 1.0, -0.1, 1.0, 1.0])},
        {"factors": np.array([1.0, np.nan, 1.0, 1.0, 1.0])},
        {"factors": np.array([1.0, np.inf, 1.0, 1.0, 1.0])},
        {"factors": np.array([1.0, 1e300, 1.0, 1.0, 1.0])},
        {"floor": np.nan},
        {"at_least": np.nan},
    ],
)
def test_masks_factors_and_limits_that_do_not_fit_are_refused(bad: dict[str, object]) -> None:
    slab = Slab(DIM)
    slab.append(unit(flat(np.random.default_rng(0), 5)))
    with pytest.raises(InvalidInput):
        slab.snapshot().candidates(slab.snapshot().vectors[0], 1, **bad)  # type: ignore[arg-type]


def test_queries_that_do_not_fit_are_refused() -> None:
    slab = Slab(DIM)
    slab.append(unit(flat(np.random.default_rng(0), 5)))
    snapshot = slab.snapshot()
    short, long = np.ones(1, dtype=np.float32), np.full(DIM, 1.0, dtype=np.float32)
    with pytest.raises(DimensionMismatch):
        snapshot.candidates(short, 1)
    with pytest.raises(InvalidInput):
        snapshot.exact(np.array([0]), long)
    with pytest.raises(InvalidInput):
        snapshot.candidates_each(snapshot.vectors[:2], [1])
