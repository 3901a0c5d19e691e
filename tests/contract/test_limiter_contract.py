"""The limiter of one process and the shared one keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.failover_limiter import FailoverLimiter
from sfm_core.adapters.inmemory_limiter import InMemoryLimiter
from sfm_core.adapters.redis.limiter import RedisLimiter
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.testing.contracts_limiter import SLOW, RateLimiterContract
from sfm_core.testing.fakes import InlineJobs


class TestInMemoryLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self) -> InMemoryLimiter:
        return InMemoryLimiter(SLOW)


@pytest.mark.integration
class TestRedisLimiter(RateLimiterContract):
    @pytest.fixture
    async def limiter(self, redis_url: str) -> AsyncIterator[RedisLimiter]:
        async with RedisLink.open(redis_url, jobs=InlineJobs()) as link:
            yield RedisLimiter(link, SLOW)


class TestFailoverLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self) -> FailoverLimiter:
        return FailoverLimiter(InMemoryLimiter(SLOW), InMemoryLimiter(SLOW))
