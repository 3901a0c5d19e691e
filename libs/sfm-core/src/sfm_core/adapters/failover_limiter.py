"""A shared limiter while it answers, else one of this process."""

from typing import final

from sfm_core.errors import Unavailable
from sfm_core.model import Quota, Verdict
from sfm_core.ports import RateLimiter


@final
class FailoverLimiter:
    """Implements `RateLimiter`; never unavailable.

    While `shared` does not answer, each process allows the whole quota by itself: a limit that
    is too wide for a while, rather than an outage of what it guards.
    """

    def __init__(self, shared: RateLimiter, own: RateLimiter) -> None:
        self._shared = shared
        self._own = own
        self.is_shared = True
        """Whether the last call was counted by `shared`."""

    @property
    def quota(self) -> Quota:
        return self._shared.quota

    async def take(self, subject: str) -> Verdict:
        try:
            verdict = await self._shared.take(subject)
        except Unavailable:
            self.is_shared = False
            return await self._own.take(subject)
        self.is_shared = True
        return verdict
