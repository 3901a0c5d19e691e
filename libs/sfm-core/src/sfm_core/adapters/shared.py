"""What a process shares with others when there is a Redis, and what it does when there is none."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sfm_core.adapters.failover_limiter import FailoverLimiter
from sfm_core.adapters.inmemory_limiter import InMemoryLimiter
from sfm_core.adapters.redis.cache import RedisCache
from sfm_core.adapters.redis.limiter import RedisLimiter
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.model import Quota
from sfm_core.ports import Cache, RateLimiter, Telemetry
from sfm_core.runtime.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    redis: RedisLink | None = None
    cache: Cache | None = None
    limiter: RateLimiter | None = None
    """None: nobody is limited."""

    @property
    def counts_in_redis(self) -> bool:
        return isinstance(self.limiter, FailoverLimiter) and self.limiter.is_shared


@asynccontextmanager
async def open_shared(
    url: Secret | None, *, read_cache: bool, quota: Quota | None, telemetry: Telemetry
) -> AsyncGenerator[Shared]:
    """Ready whether or not Redis answers: it is asked when it is needed.

    Raises:
        Misconfigured: the URL is none of Redis, or Redis refuses what it says.
    """
    own = None if quota is None else InMemoryLimiter(quota)
    if url is None:
        yield Shared(limiter=own)
        return
    async with RedisLink.open(url.value, telemetry=telemetry) as link:
        await link.check()
        limiter = own if own is None else FailoverLimiter(RedisLimiter(link, own.quota), own)
        yield Shared(redis=link, cache=RedisCache(link) if read_cache else None, limiter=limiter)
