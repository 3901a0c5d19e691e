"""A cache without a check of versions: the contract's test that is named for it has to fail."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from sfm_core.adapters.inmemory_cache import InMemoryCache
from sfm_core.adapters.redis import cache as module
from sfm_core.adapters.redis.cache import RedisCache
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.model import Memory
from sfm_core.ports import Cache
from sfm_core.testing.contracts_cache import CacheContract
from sfm_core.testing.fakes import InlineJobs

CHECK = "if redis.call('GETRANGE', KEYS[i], 0, 15) < position then"
NAMED = (
    CacheContract.test_the_newest_is_held_whatever_the_order_of_telling,
    CacheContract.test_what_was_let_go_does_not_come_back_with_a_late_keep,
    CacheContract.test_letting_go_late_does_not_take_what_is_newer,
)


async def is_sound(cache: Cache) -> None:
    for test in NAMED:
        await test(CacheContract(), cache, f"sound-{test.__name__}")


async def is_caught(cache: Cache) -> None:
    for test in NAMED:
        with pytest.raises(AssertionError):
            await test(CacheContract(), cache, f"planted-{test.__name__}")


async def test_a_cache_in_memory_without_a_version_check_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await is_sound(InMemoryCache())

    def anything_is_news(
        cache: InMemoryCache, namespace: str, memory: UUID, position: int, row: Memory | None
    ) -> None:
        cache._held[namespace, cache._log, memory] = (position, row)

    monkeypatch.setattr(InMemoryCache, "_put", anything_is_news)
    await is_caught(InMemoryCache())


@pytest.fixture
async def redis_cache(redis_url: str) -> AsyncIterator[RedisCache]:
    async with RedisLink.open(redis_url, jobs=InlineJobs(), budget_s=5.0) as link:
        yield RedisCache(link)


@pytest.mark.integration
async def test_a_cache_in_redis_without_a_version_check_is_caught(
    redis_cache: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    await is_sound(redis_cache)
    assert CHECK in module._KEEP
    monkeypatch.setattr(module, "_KEEP", module._KEEP.replace(CHECK, "if true then"))
    await is_caught(redis_cache)
