"""The rate limiter of one process: its own, or in the place of Redis while that is away."""

from collections.abc import Callable
from time import monotonic_ns
from typing import Final, final

from sfm_core import gcra
from sfm_core.model import Quota, Verdict

_SWEEP: Final = 4096
"""With so many subjects, those that are idle are let go."""


def monotonic_us() -> int:
    return monotonic_ns() // 1000


@final
class InMemoryLimiter:
    """Implements `RateLimiter`. Memory is bounded by the subjects that called within a window."""

    def __init__(self, quota: Quota, *, now_us: Callable[[], int] = monotonic_us) -> None:
        self._quota = quota
        self._now_us = now_us
        self._arrivals: dict[str, int] = {}
        self._sweep_at = _SWEEP

    @property
    def quota(self) -> Quota:
        return self._quota

    async def take(self, subject: str) -> Verdict:
        now = self._now_us()
        verdict, after = gcra.judge(self._quota, self._arrivals.get(subject, 0), now)
        if verdict.allowed:
            self._arrivals[subject] = after
            if len(self._arrivals) >= self._sweep_at:
                self._arrivals = {who: at for who, at in self._arrivals.items() if at > now}
                self._sweep_at = max(_SWEEP, 2 * len(self._arrivals))
        return verdict
