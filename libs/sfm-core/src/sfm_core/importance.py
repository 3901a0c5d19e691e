"""Importances of any scale mapped to [0, 1], by a rule that the recent ones choose.

The state is a pure function of the last `RESERVOIR` importances of a namespace's log, so
every replica, also after a restart, maps alike (`docs/adr/042`).

With `u = q90 - q50`, `l = q50 - q10`, `s = q90 - q10` of the samples:

    all equal                                              constant    1
    fewer than 64, or tail_max <= 5 and asym <= 3          min-max     from min to max
    tail_max <= 15 and tail_ext <= 8                       winsorised  from q10 - s/4 to q90 + s/4
    else                                                   logistic    around q50

where `tail_max = (max - q90) / u`, `tail_ext = (q99 - q90) / u`, `asym = u / l`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, Self

import numpy as np

from sfm_core.errors import InvalidInput
from sfm_core.model import F64

type Method = Literal["constant", "min-max", "winsorised", "logistic"]

METHODS: Final[tuple[Method, ...]] = ("constant", "min-max", "winsorised", "logistic")
RESERVOIR: Final = 512
"""How many of the latest importances count."""
FEW: Final = 64
"""Below this many samples quantiles say little: min-max."""
STEEPEST: Final = 25.0
"""Slope of the logistic over the whole range where more than 80 % of the samples are equal."""
_LN9: Final = math.log(9.0)
_FLAT: Final = 40.0
"""From here on the logistic is 1 in float64."""
_GRID: Final = 2.0**40
_HUGE: Final = 2.0**1000
_DOWN: Final = 2.0**-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Normaliser:
    """One fitted map from importance to [0, 1]: finite, monotone, equal for equal values.

    Scaling and shifting samples and values alike changes nothing but rounding. Values outside
    the sampled range count as its nearer end.
    """

    method: Method
    quantiles: Mapping[str, float]
    """`min q10 q50 q90 q99 max` of the samples; empty when there were none."""

    @classmethod
    def fit(cls, samples: Sequence[float] | F64) -> Self:
        """The normaliser of the last `RESERVOIR` of these samples, whose order does not matter.

        No samples: constant. Costs some tens of microseconds.

        Raises:
            InvalidInput: a sample is not finite.
        """
        values: F64 = np.sort(np.asarray(samples, dtype=np.float64)[-RESERVOIR:])
        if not np.isfinite(values).all():
            raise InvalidInput("an importance must be finite", path="/importance")
        if values.shape[0] == 0:
            return cls(method="constant", quantiles=MappingProxyType({}))
        ordered: list[float] = values.tolist()
        points = {
            "min": ordered[0],
            "q10": _quantile(ordered, 0.10),
            "q50": _quantile(ordered, 0.50),
            "q90": _quantile(ordered, 0.90),
            "q99": _quantile(ordered, 0.99),
            "max": ordered[-1],
        }
        method = _method(_tamed(points), len(ordered))
        return cls(method=method, quantiles=MappingProxyType(points))

    def apply(self, values: F64) -> F64:
        """The norm of each value, shape (n,) -> (n,), in [0, 1].

        Values must be finite. Cost: a few passes over the array, no loop in Python.
        """
        if self.method == "constant":
            return np.ones(values.shape, dtype=np.float64)
        points = _tamed(self.quantiles)
        clipped: F64 = np.clip(values, self.quantiles["min"], self.quantiles["max"])
        clipped *= _taming(self.quantiles)
        if self.method == "logistic":
            return _logistic(clipped, points)
        low, high = points["min"], points["max"]
        if self.method == "winsorised":
            margin = 0.25 * (points["q90"] - points["q10"])
            low, high = points["q10"] - margin, points["q90"] + margin
        np.clip(clipped, low, high, out=clipped)
        clipped -= low
        clipped /= high - low
        return clipped


def _method(points: Mapping[str, float], count: int) -> Method:
    if points["min"] == points["max"]:
        return "constant"
    if count < FEW:
        return "min-max"
    upper = points["q90"] - points["q50"]
    tail_max = _ratio(points["max"] - points["q90"], upper)
    tail_ext = _ratio(points["q99"] - points["q90"], upper)
    asym = _ratio(upper, points["q50"] - points["q10"])
    if tail_max <= 5.0 and asym <= 3.0:
        return "min-max"
    if tail_max <= 15.0 and tail_ext <= 8.0:
        return "winsorised"
    return "logistic"


def _logistic(values: F64, points: Mapping[str, float]) -> F64:
    """`1 / (1 + exp(-k (x - q50)))` with `k = ln 9 / s`, or `STEEPEST / range` where s is 0."""
    spread = points["q90"] - points["q10"]
    away = values - points["q50"]
    with np.errstate(over="ignore"):  # beyond every float is beyond `_FLAT`, too
        if spread > 0.0:
            away /= spread
            away *= _LN9
        else:
            away /= points["max"] - points["min"]
            away *= STEEPEST
    np.clip(away, -_FLAT, _FLAT, out=away)
    # exp is not monotone in its last bit; on this grid neighbours differ by far more than that.
    np.rint(away * _GRID, out=away)
    away /= -_GRID
    np.exp(away, out=away)
    away += 1.0
    return np.divide(1.0, away, out=away)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two order statistics around `share` (the usual type 7)."""
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    low, high, part = ordered[below], ordered[above], at - below
    if low == high:
        return low
    return min(high, max(low, low * (1.0 - part) + high * part))


def _ratio(part: float, whole: float) -> float:
    """`part / whole` of non-negative numbers; 0 / 0 is 0."""
    if whole > 0.0:
        return part / whole
    return math.inf if part > 0.0 else 0.0


def _taming(points: Mapping[str, float]) -> float:
    """A power of two that keeps differences of huge numbers finite; 1 for all others."""
    return _DOWN if max(abs(points["min"]), abs(points["max"])) > _HUGE else 1.0


def _tamed(points: Mapping[str, float]) -> dict[str, float]:
    factor = _taming(points)
    return {name: value * factor for name, value in points.items()}
