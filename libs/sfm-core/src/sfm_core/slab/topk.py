"""Selection: the best of many scores, with ties decided, at the cost of a few passes."""

from typing import Final

import numpy as np

from sfm_core.model import F32, F64, I64

_STRIPES: Final = 64


def kth_largest(values: F32 | F64, k: int) -> float:
    """The `k`-th largest of `values` (n,); the least of them when n < k, -inf when n is 0.

    Values must not be NaN. `k` is at least 1. Cost: O(n).
    """
    n = values.shape[0]
    if n == 0:
        return float("-inf")
    if k >= n:
        return float(values.min())
    return float(np.partition(values, n - k)[n - k])


def reaching(values: F32 | F64, k: int) -> I64:
    """Rows, ascending, whose value is at least the `k`-th largest: k of them, and all its ties.

    Values must not be NaN. Cost: one pass for the maxima of stripes of rows, whose k-th largest
    bounds the threshold from below, one to compare, and the rest on what is left, which is
    little more than k unless many values tie.
    """
    n = values.shape[0]
    if k <= 0 or n == 0:
        return np.zeros(0, dtype=np.int64)
    if k >= n:
        return np.arange(n, dtype=np.int64)
    columns = n // _STRIPES
    if columns > k:
        maxima = values[: columns * _STRIPES].reshape(_STRIPES, columns).max(axis=0)
        rows: I64 = np.flatnonzero(values >= kth_largest(maxima, k))
        left = values[rows]
        return rows[left >= kth_largest(left, k)]
    return np.flatnonzero(values >= kth_largest(values, k))


def top_k(scores: F32 | F64, ids: I64, k: int) -> tuple[I64, F32 | F64]:
    """The `k` best-scoring ids, best first, ties by ascending id, and their scores.

    Shapes: `scores` (n,), `ids` (n,) -> (m,), (m,) with m = min(k, n). Scores must not be NaN.
    Cost: O(n + t log t), where t is how many entries reach the k-th score.
    """
    keep = reaching(scores, k)
    order = np.lexsort((ids[keep], -scores[keep]))[: max(k, 0)]
    best = keep[order]
    return ids[best], scores[best]
