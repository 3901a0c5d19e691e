"""The rules of decay and pruning, against the obvious."""

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sfm_core.coordinates import Coordinate
from sfm_core.model import Aging, MemoryDraft, Standing
from sfm_core.upkeep.rules import DecayPolicy, Level, fading, first_to_go, without

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEYS = st.sampled_from("abcdef")
seconds = st.integers(0, 12).map(lambda n: timedelta(seconds=n))
levels = st.lists(
    st.builds(Level, age=seconds, keys=st.frozensets(KEYS, min_size=1)), max_size=4
).map(lambda found: tuple(sorted(found, key=lambda level: level.age)))
policies = st.builds(
    DecayPolicy,
    levels=levels,
    protect_above=st.sampled_from([0.0, 1.0, 2.0, math.inf]),
    required=st.frozensets(KEYS, max_size=2),
)
agings = st.builds(
    Aging,
    coordinate=st.just(Coordinate("1")),
    version=st.just(1),
    importance=st.sampled_from([-1.0, 0.0, 1.0, 1.5, 3.0]),
    since=seconds.map(lambda age: NOW - age) | st.just(NOW + timedelta(days=1)),
    keys=st.frozensets(KEYS),
)
standings = st.builds(
    Standing,
    coordinate=st.integers(0, 30).map(lambda n: Coordinate(str(n))),
    version=st.just(1),
    importance=st.just(0.0),
    last_at=seconds.map(lambda age: NOW - age),
    since=seconds.map(lambda age: NOW - age),
)
weighed = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 1.0]), standings),
    unique_by=lambda one: one[1].coordinate,
)


@given(policies, agings)
def test_a_key_goes_exactly_when_a_reached_level_names_it_and_nothing_protects_it(
    policy: DecayPolicy, aging: Aging
) -> None:
    gone = fading(policy, aging, NOW)
    for key in "abcdef":
        reached = any(
            key in level.keys and (NOW - aging.since) >= level.age for level in policy.levels
        )
        protected = aging.importance > policy.protect_above or key in policy.required
        assert (key in gone) == (key in aging.keys and reached and not protected)
    assert list(gone) == sorted(set(gone))
    assert set(gone) <= policy.keys


@given(policies, agings, st.integers(0, 20))
def test_what_has_gone_at_an_age_is_gone_at_every_later_one(
    policy: DecayPolicy, aging: Aging, later: int
) -> None:
    assert set(fading(policy, aging, NOW)) <= set(
        fading(policy, aging, NOW + timedelta(seconds=later))
    )


@given(policies, agings)
def test_nothing_goes_below_the_first_age(policy: DecayPolicy, aging: Aging) -> None:
    first = policy.first_age
    if first is None or NOW - aging.since < first:
        assert fading(policy, aging, NOW) == ()


@given(st.dictionaries(KEYS, st.integers()), st.frozensets(KEYS))
def test_what_stays_keeps_its_order_and_value(
    payload: dict[str, int], gone: frozenset[str]
) -> None:
    draft = MemoryDraft(payload=payload, importance=3.0, tags=("t",))
    left = without(draft, gone)
    assert list(left.payload.items()) == [(k, v) for k, v in payload.items() if k not in gone]
    assert (left.importance, left.tags) == (3.0, ("t",))
    assert draft.payload == payload


@given(weighed, st.integers(0, 12), st.integers(1, 5))
def test_the_first_to_go_are_the_lowest_also_when_found_page_by_page(
    found: list[tuple[float, Standing]], count: int, page: int
) -> None:
    obvious = sorted(
        found, key=lambda one: (one[0], one[1].last_at, one[1].since, one[1].coordinate.text)
    )[:count]
    assert first_to_go(found, count) == obvious
    worst: list[tuple[float, Standing]] = []
    for start in range(0, len(found), page):
        worst = first_to_go([*worst, *found[start : start + page]], count)
    assert worst == obvious


def test_each_reason_decides_only_where_the_ones_before_are_equal() -> None:
    def one(name: str, norm: float, last: int, age: int) -> tuple[float, Standing]:
        standing = Standing(
            coordinate=Coordinate(name),
            version=1,
            importance=0.0,
            last_at=NOW - timedelta(days=last),
            since=NOW - timedelta(days=age),
        )
        return norm, standing

    found = [
        one("5", 1.0, 99, 99),
        one("4", 0.5, 1, 9),
        one("3", 0.5, 1, 99),
        one("2", 0.5, 2, 9),
        one("1", 0.0, 1, 1),
        one("0", 0.5, 1, 9),
    ]
    order = [standing.coordinate.text for _, standing in first_to_go(found, 6)]
    assert order == ["1", "2", "3", "0", "4", "5"]
