"""The slab as a container: growth, snapshots that never change, compaction, refusals."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.errors import DimensionMismatch, InvalidInput
from sfm_core.model import F32
from sfm_core.slab.vectors import UNIT_TOLERANCE, Slab, epsilon


def units(rows: int, dim: int, *, seed: int = 0) -> F32:
    drawn = np.random.default_rng(seed).standard_normal((rows, dim))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@given(st.lists(st.integers(0, 70), max_size=30), st.integers(1, 16))
def test_rows_keep_their_numbers_and_values_through_every_growth(
    batches: list[int], capacity: int
) -> None:
    slab, expected = Slab(5, capacity=capacity), np.zeros((0, 5), dtype=np.float32)
    for i, count in enumerate(batches):
        batch = units(count, 5, seed=i)
        assert slab.append(batch) == expected.shape[0]
        expected = np.concatenate([expected, batch])
        assert slab.rows == expected.shape[0]
        assert np.array_equal(slab.snapshot().vectors, expected)
        assert slab.nbytes >= expected.nbytes


def test_single_appends_never_copy_more_than_a_few_rows_at_once() -> None:
    slab = Slab(3, capacity=1024)
    for row in units(1024, 3):
        slab.append(row[None, :])
    assert slab._next is not None
    assert slab._copied == 1024
    slab.append(units(1, 3))
    assert slab.nbytes == 2048 * 3 * 4


def test_a_snapshot_does_not_change_while_the_slab_goes_on() -> None:
    slab = Slab(4, capacity=2)
    slab.append(units(2, 4, seed=1))
    before = slab.snapshot()
    held = before.vectors.copy()
    for i in range(50):
        slab.append(units(3, 4, seed=i))
    assert before.rows == 2
    assert np.array_equal(before.vectors, held)
    with pytest.raises(ValueError, match="read-only"):
        before.vectors[0, 0] = 2.0


def test_threads_that_read_while_one_appends_never_see_a_torn_row() -> None:
    slab, query = Slab(96, capacity=4, prefix_from=1024), units(1, 96, seed=7)[0]
    source = units(6000, 96, seed=3)
    truth = source.astype(np.float64) @ query.astype(np.float64)
    done, faults = threading.Event(), []

    def read() -> None:
        rounds = 0
        while not (done.is_set() and rounds > 3):
            rounds += 1
            snapshot = slab.snapshot()
            rows = snapshot.rows
            if rows == 0:
                continue
            first = snapshot.vectors.sum()
            best = int(np.argmax(truth[:rows]))
            if best not in snapshot.candidates(query, 1):
                faults.append(f"row {best} of {rows} was not a candidate")
            if not np.array_equal(snapshot.vectors, source[:rows]):
                faults.append(f"a snapshot of {rows} rows holds others")
            if snapshot.vectors.sum() != first:
                faults.append(f"a snapshot of {rows} rows changed")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for start in range(0, 6000, 13):
        slab.append(source[start : start + 13])
    done.set()
    for reader in readers:
        reader.join(timeout=30)
    assert not any(reader.is_alive() for reader in readers)
    assert faults == []
    assert slab.rows == 6000


@given(st.lists(st.booleans(), max_size=300))
def test_compaction_keeps_the_kept_rows_in_order(kept: list[bool]) -> None:
    slab, source = Slab(6, capacity=1), units(len(kept), 6)
    slab.append(source)
    before = slab.snapshot()
    keep = np.array(kept, dtype=np.bool_)
    fresh = slab.compact(keep)
    assert np.array_equal(fresh.snapshot().vectors, source[keep])
    assert fresh.append(units(1, 6)) == int(keep.sum())
    assert np.array_equal(before.vectors, source)


@pytest.mark.parametrize("keep", [np.ones(3, dtype=np.bool_), np.ones(2, dtype=np.int64)])
def test_compaction_refuses_a_mask_that_does_not_fit(keep: object) -> None:
    slab = Slab(4)
    slab.append(units(2, 4))
    with pytest.raises(InvalidInput):
        slab.compact(keep)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 3), (1, 5), (4,), (1, 1, 4)])
def test_vectors_of_another_dimension_are_refused(shape: tuple[int, ...]) -> None:
    slab = Slab(4)
    slab.append(units(3, 4))
    wrong = np.full(shape, 0.5, dtype=np.float32)
    with pytest.raises(DimensionMismatch):
        slab.append(wrong)
    with pytest.raises(DimensionMismatch):
        slab.snapshot().scores(wrong)
    assert slab.rows == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38, 0.0, 1.001, -0.999])
def test_one_vector_that_is_no_finite_unit_vector_refuses_the_whole_append(bad: float) -> None:
    slab, batch = Slab(4), units(3, 4)
    batch[1] = [bad, 0.0, 0.0, 0.0]
    with pytest.raises(InvalidInput, match="vector 1 "):
        slab.append(batch)
    assert slab.rows == 0


def test_vectors_of_another_type_are_refused() -> None:
    with pytest.raises(InvalidInput, match="float64"):
        Slab(4).append(units(3, 4).astype(np.float64))


def test_a_slab_needs_a_dimension_and_room() -> None:
    for dim, capacity in ((0, 1), (1, 0)):
        with pytest.raises(InvalidInput):
            Slab(dim, capacity=capacity)


@given(st.integers(1, 900), st.integers(0, 2**32), st.sampled_from(["dense", "sparse", "scaled"]))
def test_a_float32_score_is_within_epsilon_of_the_float64_one(
    dim: int, seed: int, manner: str
) -> None:
    slab, rng = Slab(dim), np.random.default_rng(seed)
    drawn = rng.standard_normal((24, dim))
    if manner == "sparse":
        drawn *= rng.random((24, dim)) < 0.1
        drawn[:, 0] += 1e-3
    if manner == "scaled":
        drawn *= 10.0 ** rng.integers(-30, 3, (24, dim))
    vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    vectors *= np.float32(1.0 + 0.4 * UNIT_TOLERANCE)
    slab.append(vectors)
    truth = vectors.astype(np.float64) @ vectors[:8].astype(np.float64).T
    for batch in (vectors[:8], vectors[:1]):
        off = np.abs(slab.snapshot().scores(batch).T - truth[:, : batch.shape[0]])
        assert off.max() <= epsilon(dim)


def test_epsilon_is_small_and_grows_with_the_dimension() -> None:
    assert 0.0 < epsilon(1) < epsilon(384) < 2.5e-5 < epsilon(4096) < 3e-4


@given(st.integers(1, 400), st.lists(st.integers(0, 59), min_size=1, max_size=80))
def test_an_exact_score_does_not_depend_on_what_else_is_asked(dim: int, rows: list[int]) -> None:
    slab, query = Slab(dim), units(1, dim, seed=5)[0]
    slab.append(units(60, dim, seed=4))
    snapshot = slab.snapshot()
    every = snapshot.exact(np.arange(60), query)
    some = snapshot.exact(np.array(rows, dtype=np.int64), query)
    assert some.tolist() == [every[row] for row in rows]
    for row in rows[:5]:
        assert snapshot.exact(np.array([row]), query)[0] == every[row]
    slow = units(60, dim, seed=4).astype(np.float64) @ query.astype(np.float64)
    np.testing.assert_allclose(every, np.clip(slow, -1.0, 1.0), rtol=0, atol=1e-13)


def test_exact_scores_cross_the_chunk_border_unchanged_and_stay_within_1() -> None:
    slab, query = Slab(7), units(1, 7)[0]
    slab.append(np.repeat(units(1, 7), 9000, axis=0))
    scores = slab.snapshot().exact(np.arange(9000), query)
    assert np.unique(scores).size == 1
    assert scores[0] <= 1.0


@given(st.integers(0, 2**32), st.sampled_from([0.02, 0.3, 0.6]), st.booleans())
def test_exact_scores_among_copies_are_those_of_each_row_alone(
    seed: int, other: float, alike: bool
) -> None:
    rng, source = np.random.default_rng(seed), units(20, 5)
    if alike:  # in the first number, but not beyond
        source = np.tile(source[0], (20, 1))
        source[:, 1:] *= np.where(rng.random((20, 4)) < 0.5, np.float32(-1), np.float32(1))
    which = np.where(rng.random(300) < other, rng.integers(0, 20, 300), 7)
    slab, query = Slab(5), units(1, 5, seed=5)[0]
    slab.append(source[which])
    snapshot = slab.snapshot()
    alone = [snapshot.exact(np.array([row]), query)[0] for row in range(300)]
    assert snapshot.exact(np.arange(300), query).tolist() == alone
