from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sfm_core.importance import RESERVOIR
from sfm_core.model import Sample
from sfm_core.recall.reservoir import Reservoir


@given(st.lists(st.integers(1, 2000), unique=True, max_size=900), st.randoms(use_true_random=False))
def test_it_holds_the_latest_samples_by_position_in_whatever_order_they_came(
    positions: list[int], shuffler: Random
) -> None:
    samples = [Sample(position=p, importance=float(p) / 7) for p in positions]
    shuffler.shuffle(samples)
    reservoir = Reservoir(samples)
    reservoir.add(samples[:10])
    latest = sorted(positions)[-RESERVOIR:]
    assert reservoir.values().tolist() == [p / 7 for p in latest]


def test_the_normaliser_is_kept_until_a_sample_comes_in() -> None:
    reservoir = Reservoir([Sample(position=1, importance=1.0)])
    first = reservoir.normaliser()
    reservoir.add([Sample(position=1, importance=1.0)])
    assert reservoir.normaliser() is first
    reservoir.add([Sample(position=2, importance=3.0)])
    assert reservoir.normaliser() is not first
