"""The in-memory cache and Redis keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory_cache import InMemoryCache
from sfm_core.adapters.redis.cache import RedisCache
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.testing.contracts_cache import CacheContract
from sfm_core.testing.fakes import InlineJobs


class TestInMemoryCache(CacheContract):
    @pytest.fixture
    def cache(self) -> InMemoryCache:
        return InMemoryCache()


@pytest.mark.integration
class TestRedisCache(CacheContract):
    @pytest.fixture
    async def cache(self, redis_url: str) -> AsyncIterator[RedisCache]:
        async with RedisLink.open(redis_url, jobs=InlineJobs(), budget_s=5.0) as link:
            yield RedisCache(link)
