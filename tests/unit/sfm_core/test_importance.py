"""The adaptive normaliser: finite, in [0, 1], monotone, free of scale, and chosen as written."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sfm_core.errors import InvalidInput
from sfm_core.importance import RESERVOIR, Normaliser
from sfm_core.model import F64

any_float = st.floats(allow_nan=False, allow_infinity=False)
extreme = st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e308, -1e308, 1.7976931348623157e308, 1.0, 1e-12]
)
samples_of_any_size = st.lists(any_float | extreme, min_size=1, max_size=600)
whole = st.integers(-1_000_000, 1_000_000).map(float)


@st.composite
def shaped(draw: st.DrawFn) -> list[float]:
    """At least 64 samples whose bulk and tail are drawn apart, so that every method comes up."""
    bulk = draw(st.lists(st.integers(0, 100), min_size=58, max_size=200))
    tail = draw(st.lists(st.integers(0, 100_000), min_size=6, max_size=30))
    return [float(value) for value in bulk + tail]


def applied(samples: list[float], values: list[float]) -> F64:
    return Normaliser.fit(samples).apply(np.array(values, dtype=np.float64))


def written_method(samples: list[float]) -> str:
    """The rule of the design, read out with the standard library; the slow obvious version."""
    if min(samples) == max(samples):
        return "constant"
    if len(samples) < 64:
        return "min-max"
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    q10, q50, q90, q99 = cuts[9], cuts[49], cuts[89], cuts[98]

    def ratio(part: float, whole_: float) -> float:
        if whole_ > 0:
            return part / whole_
        return math.inf if part > 0 else 0.0

    tail_max = ratio(max(samples) - q90, q90 - q50)
    tail_ext = ratio(q99 - q90, q90 - q50)
    asym = ratio(q90 - q50, q50 - q10)
    bounds = ((tail_max, 5.0), (asym, 3.0), (tail_max, 15.0), (tail_ext, 8.0))
    assume(all(abs(value - bound) > 1e-6 for value, bound in bounds if math.isfinite(value)))
    if tail_max <= 5 and asym <= 3:
        return "min-max"
    return "winsorised" if tail_max <= 15 and tail_ext <= 8 else "logistic"


@given(samples_of_any_size, st.lists(any_float | extreme, max_size=50))
def test_every_finite_input_gives_a_finite_norm_between_0_and_1(
    samples: list[float], values: list[float]
) -> None:
    norms = applied(samples, values + samples)
    assert np.isfinite(norms).all()
    assert ((norms >= 0.0) & (norms <= 1.0)).all()


@given(samples_of_any_size | shaped(), st.lists(any_float | whole | extreme, max_size=50))
def test_a_greater_importance_never_has_a_smaller_norm(
    samples: list[float], values: list[float]
) -> None:
    ordered = sorted(values + samples)
    norms = applied(samples, ordered)
    assert (np.diff(norms) >= 0.0).all()


@given(shaped(), st.integers(0, 30_000))
def test_neighbouring_floats_keep_their_order(samples: list[float], start: int) -> None:
    steps = [float(start)]
    for _ in range(200):
        steps.append(math.nextafter(steps[-1], math.inf))
    assert (np.diff(applied(samples, steps)) >= 0.0).all()


@given(samples_of_any_size, any_float)
def test_equal_importances_have_equal_norms_wherever_they_stand(
    samples: list[float], value: float
) -> None:
    among = applied(samples, [value, *samples, value])
    assert among[0] == among[-1] == applied(samples, [value])[0]


@given(shaped())
def test_the_method_is_the_one_the_rule_names(samples: list[float]) -> None:
    assert Normaliser.fit(samples).method == written_method(samples)


@given(shaped(), st.sampled_from([1e-9, 0.001, 0.3, 7.0, 1e12]), st.integers(-1000, 1000))
def test_scale_and_shift_change_nothing_but_rounding(
    samples: list[float], scale: float, shift: int
) -> None:
    written_method(samples)  # leaves out samples on the edge between two methods
    moved = [(value + shift) * scale for value in samples]
    before, after = Normaliser.fit(samples), Normaliser.fit(moved)
    assert after.method == before.method
    np.testing.assert_allclose(
        after.apply(np.array(moved)), before.apply(np.array(samples)), rtol=0, atol=1e-9
    )


@given(shaped(), st.randoms())
def test_the_order_of_the_samples_does_not_matter(samples: list[float], random: object) -> None:
    shuffled = sorted(samples, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert Normaliser.fit(shuffled) == Normaliser.fit(samples)


@given(st.lists(any_float, min_size=RESERVOIR, max_size=RESERVOIR), st.lists(any_float))
def test_a_new_regime_is_learned_within_the_reservoir(new: list[float], old: list[float]) -> None:
    assert Normaliser.fit([*old, *new]) == Normaliser.fit(new)


@given(any_float, st.integers(1, 600), any_float)
def test_equal_samples_put_everything_at_1(value: float, count: int, other: float) -> None:
    fitted = Normaliser.fit([value] * count)
    assert fitted.method == "constant"
    assert fitted.apply(np.array([value, other])).tolist() == [1.0, 1.0]


def test_no_samples_put_everything_at_1() -> None:
    fitted = Normaliser.fit([])
    assert (fitted.method, dict(fitted.quantiles)) == ("constant", {})
    assert fitted.apply(np.array([3.0, -1.0])).tolist() == [1.0, 1.0]


@given(shaped(), st.floats(0.0, 1e308))
def test_values_outside_the_sampled_range_count_as_its_ends(
    samples: list[float], beyond: float
) -> None:
    low, high = min(samples), max(samples)
    norms = applied(samples, [low, low - beyond, high, high + beyond])
    assert norms[0] == norms[1]
    assert norms[2] == norms[3]


@pytest.mark.parametrize("few", [1, 2, 12, 50])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_heavily_tied_samples_still_tell_the_others_apart(few: int, sign: float) -> None:
    others = [sign * (2.0 + i) for i in range(few)]
    samples = [1.0 * sign] * (RESERVOIR - few) + others
    norms = applied(samples, sorted({1.0 * sign, *others}))
    assert np.isfinite(norms).all()
    assert norms[-1] - norms[0] > 0.4
    assert norms[0] < norms[1] or few == 0


def test_an_extreme_outlier_does_not_press_the_rest_together() -> None:
    samples = [float(i % 100) for i in range(RESERVOIR - 1)] + [1e12]
    norms = applied(samples, [10.0, 50.0, 90.0, 1e12])
    assert Normaliser.fit(samples).method == "logistic"
    assert norms[2] - norms[0] > 0.45
    assert norms[3] == 1.0


@pytest.mark.parametrize(
    ("samples", "method", "value", "norm"),
    [
        ([0.0, 4.0], "min-max", 1.0, 0.25),
        ([float(i) for i in range(101)], "min-max", 25.0, 0.25),
        ([float(i) for i in range(100)] + [400.0], "winsorised", 50.0, 0.5),
        ([float(i) for i in range(100)] + [4000.0], "logistic", 50.0, 0.5),
        ([float(i) for i in range(100)] + [4000.0], "logistic", 90.0, 0.75),
        ([float(i) for i in range(100)] + [427.0] * 3, "logistic", 51.0, 0.5),
        ([float(i) for i in range(100)] + [407.0] * 3, "winsorised", 51.0, 0.5),
        ([1.0] * 100 + [2.0] * 5, "logistic", 1.0, 0.5),
    ],
)
def test_each_method_gives_the_norm_worked_out_by_hand(
    samples: list[float], method: str, value: float, norm: float
) -> None:
    fitted = Normaliser.fit(samples)
    assert fitted.method == method
    assert fitted.apply(np.array([value]))[0] == pytest.approx(norm, abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_sample_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(InvalidInput):
        Normaliser.fit([1.0, bad])


def test_applying_leaves_the_given_values_alone() -> None:
    values = np.array([1.0, 5.0, 9.0])
    Normaliser.fit([0.0, 10.0]).apply(values)
    assert values.tolist() == [1.0, 5.0, 9.0]


@given(samples_of_any_size)
def test_the_quantiles_for_the_statistics_are_in_order(samples: list[float]) -> None:
    points = Normaliser.fit(samples).quantiles
    assert list(points) == ["min", "q10", "q50", "q90", "q99", "max"]
    assert list(points.values()) == sorted(points.values())
