"""Selection against sorting everything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.model import F32, F64
from sfm_core.slab.topk import TIE, contenders, kth_largest, leading, reaching

few_values = st.lists(st.integers(-3, 3).map(float), max_size=400)
many_values = st.lists(st.floats(allow_nan=False, width=32), max_size=400)


@given(few_values | many_values, st.integers(1, 450))
def test_reaching_gives_the_k_best_and_every_tie_with_the_last(values: list[float], k: int) -> None:
    kth = sorted(values, reverse=True)[: max(1, k)][-1:] or [0.0]
    expected = [row for row, value in enumerate(values) if value >= kth[0] or k >= len(values)]
    assert reaching(np.array(values), k).tolist() == expected


@pytest.mark.parametrize("descending", [True, False])
def test_a_sorted_column_and_one_whose_best_share_a_stripe_are_selected_right(
    descending: bool,
) -> None:
    values = np.arange(64 * 100, dtype=np.float32)
    rows = np.arange(values.shape[0]).reshape(64, 100)
    striped = np.zeros_like(values)
    striped[rows[:, 0]] = np.arange(1, 65)
    ordered = values[::-1].copy() if descending else values
    for column in (ordered, striped):
        expected = np.sort(np.argsort(-column, kind="stable")[:50])
        assert reaching(column, 50).tolist() == expected.tolist()


def test_the_kth_largest_of_too_few_is_the_least_and_of_none_minus_infinity() -> None:
    assert kth_largest(np.array([3.0, 1.0, 2.0]), 2) == 2.0
    assert kth_largest(np.array([3.0, 1.0, 2.0]), 9) == 1.0
    assert kth_largest(np.zeros(0), 1) == float("-inf")


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=300),
    st.integers(1, 20),
    st.sampled_from([0.0, 1e-6, 0.01, 0.3]),
    st.booleans(),
)
def test_whoever_may_be_among_the_best_contends(
    drawn: list[tuple[float, float]], k: int, width: float, double: bool
) -> None:
    bounds = np.array([value for value, _ in drawn])
    most: F32 | F64 = bounds if double else bounds.astype(np.float32)
    true = np.maximum(0.0, most.astype(np.float64) - width * np.array([x for _, x in drawn]))
    found = set(contenders(most, k, width=width).tolist())
    kth = np.sort(true)[::-1][:k][-1]
    assert set(np.flatnonzero(true >= kth - TIE).tolist()) <= found
    sure = np.sort(most.astype(np.float64))[::-1][:k][-1] - width
    assert all(most[row] >= sure - 2 * TIE for row in found)


def test_nobody_below_zero_contends_and_the_rest_does_when_few_are_sure() -> None:
    most = np.array([-1.0, 0.0, 0.5, -1.0, 0.2], dtype=np.float32)
    assert contenders(most, 3, width=0.1).tolist() == [1, 2, 4]
    assert contenders(most, 1, width=0.1).tolist() == [2]
    assert contenders(most, 9, width=0.0).tolist() == [1, 2, 4]


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=200),
    st.integers(1, 220),
)
def test_leading_gives_the_first_by_all_keys_and_every_tie(
    drawn: list[tuple[int, int]], k: int
) -> None:
    last = sorted(drawn)[:k][-1]
    expected = [row for row, keys in enumerate(drawn) if keys <= last]
    keys = [np.array(key, dtype=np.float64) for key in zip(*drawn, strict=True)]
    assert leading(keys, k).tolist() == expected
