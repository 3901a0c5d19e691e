"""Selection: the best of many scores, with ties decided, at the cost of a few passes."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from sfm_core.model import F32, F64, I64

TIE: Final = 1e-6
"""Scores closer than this may be ordered by something else (they are rounded to 1e-6)."""
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


def contenders(most: F32 | F64, k: int, *, width: float) -> I64:
    """Rows, ascending, that may be among the `k` best or tie with the k-th within `TIE`.

    The one rule of choosing by bounds: the true value of row i lies in `[most[i] - width,
    most[i]]`, so k rows surely reach the k-th largest bound less `width`, and a row whose bound
    does not come within `TIE` of that is out. Rows with a bound below 0 never contend; all
    others do while fewer than k bounds are above `width`. Bounds must not be NaN, `k` is at
    least 1. Cost: two passes, and the rest on what the first leaves.
    """
    rows: I64 = np.flatnonzero(most >= rounded_down(bar(below_kth(most, k), width=width), most))
    left = most[rows]
    return rows[left >= rounded_down(bar(kth_largest(left, k), width=width), most)]


def leading(keys: Sequence[F64], k: int) -> I64:
    """Positions, ascending, of the `k` first by `keys`, and of all that tie with the last.

    Keys, each (n,), count from the first on, smaller values first; none is NaN. Cost: O(n).
    """
    rows: I64 = np.arange(keys[0].shape[0], dtype=np.int64)
    sure: list[I64] = []
    wanted = k
    for key in keys:
        if rows.shape[0] <= wanted:
            break
        values = key[rows]
        last = -kth_largest(-values, wanted)
        before = rows[values < last]
        sure.append(before)
        wanted -= before.shape[0]
        rows = rows[values == last]
    return np.sort(np.concatenate([*sure, rows]))


def bar(kth: float, *, width: float) -> float:
    """What a bound must reach when the k-th best value is at least `kth - width`."""
    return max(0.0, kth - width - TIE * 1.001)


def rounded_down(value: float, like: F32 | F64) -> float:
    """`value` rounded down to the type of `like`, and a step more, but not across 0."""
    kind = like.dtype.type
    return float(np.nextafter(kind(value), kind(min(0.0, 2.0 * value))))
