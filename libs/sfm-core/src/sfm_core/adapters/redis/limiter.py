"""The rate limiter that processes share."""

from typing import Final, final

from sfm_core.adapters.redis.link import PREFIX, RedisLink
from sfm_core.adapters.redis.scripts import load_script
from sfm_core.model import Quota, Verdict

_TAKE: Final = load_script("take")


@final
class RedisLimiter:
    """Implements `RateLimiter` with the server's clock, so that processes need not agree on one."""

    def __init__(self, link: RedisLink, quota: Quota) -> None:
        self._link = link
        self._quota = quota

    @property
    def quota(self) -> Quota:
        return self._quota

    async def take(self, subject: str, *, now_us: int | None = None) -> Verdict:
        """As the port says; `now_us` in the place of the clock holds it to its Python twin."""
        quota = self._quota
        allowed, remaining, retry_after_us, reset_us = await self._link.evaluate(
            _TAKE,
            [f"{PREFIX}calls:{quota.limit}/{quota.window_s:g}:{subject}"],
            [quota.interval_us, quota.burst_us, "" if now_us is None else now_us],
        )
        return Verdict(
            allowed=bool(allowed),
            remaining=remaining,
            retry_after_us=retry_after_us,
            reset_us=reset_us,
        )
