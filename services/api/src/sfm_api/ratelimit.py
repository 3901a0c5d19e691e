"""The guard that keeps a token to its rate, and the headers that say how it stands."""

import math
from typing import final

from starlette.types import ASGIApp, Receive, Scope, Send

from sfm_core.errors import RateLimited as TooOften
from sfm_core.model import Quota, Verdict
from sfm_core.model.quotas import MICROS
from sfm_core.ports import RateLimiter


@final
class RateLimited:
    """Lets through who keeps to the rate; stands behind `Authenticated`.

    Whatever is answered from here on, refusals included, carries the `RateLimit-*` headers of
    draft-ietf-httpapi-ratelimit-headers-06.
    """

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = await self._limiter.take(scope["state"]["subject"])
        said = headers(self._limiter.quota, verdict)
        scope["state"]["answer_headers"] = said
        if not verdict.allowed:
            scope["state"]["services"].telemetry.count("rate_limited_total")
            raise TooOften(
                "this token calls too often: see Retry-After",
                retry_after_s=verdict.retry_after_us / MICROS,
            )
        await self._app(scope, receive, send)


def headers(quota: Quota, verdict: Verdict) -> dict[str, str]:
    """Seconds are rounded up, so that who waits as long does not come too early."""
    return {
        "RateLimit-Limit": str(quota.limit),
        "RateLimit-Remaining": str(max(0, verdict.remaining)),
        "RateLimit-Reset": str(math.ceil(verdict.reset_us / MICROS)),
        "RateLimit-Policy": f"{quota.limit};w={math.ceil(quota.window_s)}",
    }
