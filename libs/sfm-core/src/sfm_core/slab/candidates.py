"""Which rows can be among the k best, decided by bounds on their scores alone.

The score of a row is `max(0, cos - floor) * factor`. Each step knows every cosine within some
error; a row stays while its highest possible score reaches the k-th best certain one.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from sfm_core.errors import InvalidInput
from sfm_core.model import F32, F64, I64, Mask
from sfm_core.slab.topk import bar, contenders, kth_largest

_OUT: Final = np.float32(-1.0)
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one query asks for; `k` >= 1, arrays over all rows of the snapshot."""

    k: int
    mask: Mask | None
    factors: F32 | None
    floor: float
    at_least: float
    greatest: float
    """The greatest factor: a score moves at most that many times as far as its cosine."""
    rounding: float
    """How far float32 moves a score: cosine, floor, factor and product each round once."""

    @classmethod
    def of(
        cls,
        rows: int,
        k: int,
        *,
        mask: Mask | None,
        factors: F32 | F64 | None,
        floor: float,
        at_least: float,
    ) -> "Wanted":
        """Checked and ready.

        Raises:
            InvalidInput: a mask or factors of another length; factors that are negative or not
                finite in float32; a floor that is not finite, or a limit that is NaN.
        """
        if not math.isfinite(floor) or math.isnan(at_least):
            raise InvalidInput("the floor and the limit are numbers")
        if mask is not None and mask.shape != (rows,):
            raise InvalidInput("the mask has another length than the snapshot")
        greatest, factors32 = 1.0, None
        if factors is not None:
            if factors.shape != (rows,):
                raise InvalidInput("the factors have another length than the snapshot")
            with np.errstate(over="ignore"):  # refused below
                factors32 = factors.astype(np.float32, copy=False)
            greatest = float(factors32.max(initial=0.0))
            if not (factors32.min(initial=0.0) >= 0.0 and math.isfinite(greatest)):
                raise InvalidInput("factors are finite and not negative")
        rounding = _ROUNDING * greatest * (1.0 + abs(floor))
        return cls(k, mask, factors32, floor, at_least, greatest, rounding)

    def scores(self, cosines: F32, *, rows: I64 | None, possible: bool) -> F32:
        """Scores of bounds on cosines, in place; -1 for rows not admitted.

        A row under `at_least` is out; `cosines` are upper bounds when `possible`, so only
        what is surely under it goes, else lower ones, so all that may be goes.
        """
        slip = _ROUNDING if possible else -_ROUNDING
        under = cosines < self.at_least - slip if self.at_least > -1.0 else None
        np.minimum(cosines, np.float32(1.0), out=cosines)
        if self.floor != 0.0:
            cosines -= np.float32(self.floor)
        np.maximum(cosines, np.float32(0.0), out=cosines)
        if self.factors is not None:
            cosines *= self.factors if rows is None else self.factors[rows]
        if self.mask is not None:
            admitted = self.mask if rows is None else self.mask[rows]
            np.copyto(cosines, _OUT, where=~admitted)
        if under is not None:
            cosines[under] = _OUT
        return cosines

    def scanned(self, cosines: F32, error: float) -> I64:
        """`kept` of all rows, with one pass to leave out most."""
        if self.at_least > -1.0:
            return self.kept(cosines, error, rows=None)
        rough = self.scores(cosines.copy(), rows=None, possible=True)
        rows = contenders(rough, self.k, width=2.0 * error * self.greatest + self.rounding)
        return self.kept(cosines[rows], error, rows=rows)

    def kept(self, cosines: F32, error: float, *, rows: I64 | None) -> I64:
        """Rows that may be among the k best, given their cosines within `error`.

        `rows` None: all rows; else it must hold every row that may be.
        """
        least = self.scores(cosines - np.float32(error), rows=rows, possible=False)
        most = self.scores(cosines + np.float32(error), rows=rows, possible=True)
        least_possible = self.bar(kth_largest(least, self.k)) if least.shape[0] >= self.k else 0.0
        left: I64 = np.flatnonzero(most >= np.float32(least_possible))
        return left if rows is None else rows[left]

    def bar(self, kth: float) -> float:
        """What a row's possible score must reach, given the k-th best certain score."""
        return bar(kth, width=self.rounding)
