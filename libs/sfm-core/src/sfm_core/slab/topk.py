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


def below_kth(values: F32 | F64, k: int) -> float:
    """A lower bound of the `k`-th largest of `values`, close to it, at the cost of one pass.

    The k-th largest of the maxima of stripes of rows: k rows reach it. Values must not be NaN.
    """
    columns = values.shape[0] // _STRIPES
    if columns <= k:
        return kth_largest(values, k)
    maxima = values[: columns * _STRIPES].reshape(_STRIPES, columns).max(axis=0)
    return kth_largest(maxima, k)


def reaching(values: F32 | F64, k: int) -> I64:
    """Rows, ascending, whose value is at least the `k`-th largest: k of them, and all its ties.

    Values must not be NaN. Cost: two passes, and the rest on what they leave, which is little
    more than k unless many values tie.
    """
    n = values.shape[0]
    if k <= 0 or n == 0:
        return np.zeros(0, dtype=np.int64)
    if k >= n:
        return np.arange(n, dtype=np.int64)
    rows: I64 = np.flatnonzero(values >= below_kth(values, k))
    left = values[rows]
    return rows[left >= kth_largest(left, k)]


def top_k(scores: F32 | F64, ids: I64, k: int) -> tuple[I64, F32 | F64]:
    """The `k` best-scoring ids, best first, ties by ascending id, and their scores.

    Shapes: `scores` (n,), `ids` (n,) -> (m,), (m,) with m = min(k, n). Scores must not be NaN.
    Cost: O(n + t log t), where t is how many entries reach the k-th score.
    """
    keep = reaching(scores, k)
    order = np.lexsort((ids[keep], -scores[keep]))[: max(k, 0)]
    best = keep[order]
    return ids[best], scores[best]
