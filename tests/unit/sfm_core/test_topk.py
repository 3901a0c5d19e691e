"""Selection against sorting everything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.slab.topk import kth_largest, reaching, top_k

few_values = st.lists(st.integers(-3, 3).map(float), max_size=400)
many_values = st.lists(st.floats(allow_nan=False, width=32), max_size=400)


@given(few_values | many_values, st.integers(-1, 450), st.randoms(use_true_random=False))
def test_top_k_is_the_head_of_the_sorted_list_with_ties_by_id(
    values: list[float], k: int, random: object
) -> None:
    ids = list(range(1000, 1000 + len(values)))
    random.shuffle(ids)  # type: ignore[attr-defined]
    expected = sorted(zip(ids, values, strict=True), key=lambda row: (-row[1], row[0]))
    found, scores = top_k(np.array(values), np.array(ids, dtype=np.int64), k)
    assert list(zip(found.tolist(), scores.tolist(), strict=True)) == expected[: max(k, 0)]


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
