"""What every `RateLimiter` does; its clock is the real one, so quotas here are slow or idle."""

from uuid import uuid4

import anyio
import pytest

from sfm_core.model import Quota
from sfm_core.ports import RateLimiter

SLOW = Quota(limit=5, window_s=3600.0)
"""One call comes back in twelve minutes: for a test, never."""


class RateLimiterContract:
    """Subclass with a fixture `limiter`: one with the quota `SLOW`."""

    @pytest.fixture
    def subject(self) -> str:
        return uuid4().hex

    async def test_it_says_what_it_allows(self, limiter: RateLimiter) -> None:
        assert limiter.quota == SLOW

    async def test_the_limit_may_be_used_at_once_and_no_more(
        self, limiter: RateLimiter, subject: str
    ) -> None:
        verdicts = [await limiter.take(subject) for _ in range(7)]
        assert [v.allowed for v in verdicts] == [True] * 5 + [False] * 2
        assert [v.remaining for v in verdicts] == [4, 3, 2, 1, 0, 0, 0]

    async def test_a_refusal_says_when_to_come_back_and_changes_nothing(
        self, limiter: RateLimiter, subject: str
    ) -> None:
        for _ in range(5):
            assert (await limiter.take(subject)).retry_after_us == 0
        refusals = [await limiter.take(subject) for _ in range(20)]
        assert not any(v.allowed for v in refusals)
        waits = [v.retry_after_us for v in refusals]
        assert waits == sorted(waits, reverse=True)
        assert all(0 < wait <= SLOW.interval_us for wait in waits)
        assert all(0 < v.reset_us <= SLOW.burst_us for v in refusals)

    async def test_subjects_do_not_count_for_each_other(
        self, limiter: RateLimiter, subject: str
    ) -> None:
        for _ in range(6):
            await limiter.take(subject)
        assert (await limiter.take(f"{subject}-other")).allowed

    async def test_calls_at_once_are_all_counted(self, limiter: RateLimiter, subject: str) -> None:
        allowed: list[bool] = []

        async def call() -> None:
            allowed.append((await limiter.take(subject)).allowed)

        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(call)
        assert sum(allowed) == SLOW.limit
