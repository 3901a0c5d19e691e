"""GCRA against a slow reference, on a clock that moves when told."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfm_core.adapters.inmemory_limiter import InMemoryLimiter
from sfm_core.gcra import judge
from sfm_core.model import Quota

quotas = st.builds(
    Quota, limit=st.integers(1, 12), window_s=st.sampled_from([1.0, 0.7, 60.0, 3600.0])
)
gaps = st.lists(st.integers(0, 30_000_000), max_size=60)


class Bucket:
    """The slow reference: a bucket of tokens that is filled grain by grain of time."""

    def __init__(self, quota: Quota) -> None:
        self._interval = quota.interval_us
        self._size = quota.limit * quota.interval_us
        self._level = self._size

    def wait(self, micros: int) -> None:
        self._level = min(self._size, self._level + micros)

    def take(self) -> bool:
        if self._level < self._interval:
            return False
        self._level -= self._interval
        return True


def allowed_at(quota: Quota, times: Sequence[int]) -> list[int]:
    arrival, found = 0, []
    for now in times:
        verdict, arrival = judge(quota, arrival, now)
        if verdict.allowed:
            found.append(now)
    return found


def instants(gaps: Sequence[int], start: int = 1_000_000_000_000) -> list[int]:
    times, now = [], start
    for gap in gaps:
        now += gap
        times.append(now)
    return times


@given(quotas, gaps)
def test_it_decides_as_a_bucket_of_tokens_does(quota: Quota, gaps: list[int]) -> None:
    bucket, arrival = Bucket(quota), 0
    for gap, now in zip(gaps, instants(gaps), strict=True):
        bucket.wait(gap)
        verdict, arrival = judge(quota, arrival, now)
        assert verdict.allowed == bucket.take()


@given(quotas, gaps)
def test_no_stretch_of_time_sees_more_than_the_limit_and_what_came_back_in_it(
    quota: Quota, gaps: list[int]
) -> None:
    allowed = allowed_at(quota, instants(gaps))
    for first in range(len(allowed)):
        for last in range(first, len(allowed)):
            stretch = allowed[last] - allowed[first]
            assert last - first + 1 <= quota.limit + stretch // quota.interval_us


@given(quotas, st.integers(1, 200), st.integers(0, 10**12))
def test_a_caller_that_keeps_the_rate_is_never_refused(
    quota: Quota, calls: int, start: int
) -> None:
    pace = -(-int(quota.window_s * 1_000_000) // quota.limit)
    times = [start + pace * i for i in range(calls)]
    assert allowed_at(quota, times) == times


@given(quotas, gaps)
def test_refusals_leave_no_trace(quota: Quota, gaps: list[int]) -> None:
    times = instants(gaps)
    allowed = allowed_at(quota, times)
    assert allowed_at(quota, allowed) == allowed


@given(quotas, gaps)
def test_who_waits_as_told_is_allowed_and_a_moment_earlier_is_not(
    quota: Quota, gaps: list[int]
) -> None:
    arrival = 0
    for now in instants(gaps):
        verdict, arrival = judge(quota, arrival, now)
        if not verdict.allowed:
            assert judge(quota, arrival, now + verdict.retry_after_us)[0].allowed
            assert not judge(quota, arrival, now + verdict.retry_after_us - 1)[0].allowed
        idle, _ = judge(quota, arrival, now + verdict.reset_us)
        assert idle.remaining == quota.limit - 1


@given(quotas, gaps)
def test_what_remains_is_what_is_then_allowed(quota: Quota, gaps: list[int]) -> None:
    arrival = 0
    for now in instants(gaps):
        verdict, arrival = judge(quota, arrival, now)
        spent = arrival
        for _ in range(verdict.remaining):
            following, spent = judge(quota, spent, now)
            assert following.allowed
        assert not judge(quota, spent, now)[0].allowed


def test_the_edge_of_a_window_lets_no_second_limit_through() -> None:
    quota = Quota(limit=600, window_s=60.0)
    before = [59_999_000] * 600
    after = [60_001_000] * 600
    assert len(allowed_at(quota, before + after)) == 600


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    quota = Quota(limit=2, window_s=60.0)
    _, arrival = judge(quota, 0, 10**12)
    assert judge(quota, arrival, 10**11)[0].allowed


async def test_the_limiter_lets_idle_subjects_go() -> None:
    now = 0
    limiter = InMemoryLimiter(Quota(limit=1, window_s=1.0), now_us=lambda: now)
    for i in range(20_000):
        now += 1000
        assert (await limiter.take(f"subject {i}")).allowed
    assert len(limiter._arrivals) <= 4096


@pytest.mark.parametrize(
    ("limit", "window_s", "interval_us"), [(600, 60, 100_000), (7, 1, 142_857)]
)
def test_an_interval_is_whole_microseconds(limit: int, window_s: int, interval_us: int) -> None:
    assert Quota(limit=limit, window_s=window_s).interval_us == interval_us
