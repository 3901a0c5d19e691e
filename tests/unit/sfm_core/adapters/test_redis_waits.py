"""What callers wait for a Redis that does not answer, in time that a test moves on."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, cast, override

import anyio
import pytest

from sfm_core.adapters.breaker import FAILURES, Breaker
from sfm_core.adapters.failover_limiter import FailoverLimiter
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_limiter import InMemoryLimiter
from sfm_core.adapters.redis.cache import RedisCache
from sfm_core.adapters.redis.limiter import RedisLimiter
from sfm_core.adapters.redis.link import BUDGET_S, RedisLink
from sfm_core.errors import Unavailable
from sfm_core.model import Quota
from sfm_core.owned import OwnedJobs, owned_tasks
from sfm_core.ports import NoTelemetry
from sfm_core.recall.rows import CachedRows
from sfm_core.testing.writes import an_upsert, written

NS = "acme"
PROMISED_S = 0.06
"""Of the 95th percentile, above what a recall takes when all is well."""
CALL_S = 0.05
"""What one call may cost."""
_REPLY_S = 0.5
QUOTA = Quota(limit=100_000, window_s=60.0)


class _Jumping(selectors.SelectSelector):
    """Does not wait: tells how long it would have."""

    jumped = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.jumped += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose time goes on only while everybody waits, and then at once."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        return self._jumping.jumped


def in_made_time[T](job: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await job()

    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(run())


class Silent:
    """A server that takes commands and never answers: the driver gives up, long after callers."""

    async def execute_command(self, *_: object) -> object:
        await anyio.sleep(_REPLY_S)
        raise TimeoutError


class Gone:
    """A server that is not there: each command is refused at once."""

    async def execute_command(self, *_: object) -> object:
        raise ConnectionRefusedError


def link_to(server: object, jobs: OwnedJobs) -> RedisLink:
    return RedisLink(
        cast("Any", server),
        jobs=jobs,
        breaker=Breaker(anyio.current_time, of="Redis"),
        telemetry=NoTelemetry(),
        budget_s=BUDGET_S,
    )


def test_a_call_waits_its_budget_and_then_none_waits_at_all() -> None:
    async def waits() -> list[float]:
        waited = []
        async with OwnedJobs.open() as jobs:
            link = link_to(Silent(), jobs)
            for _ in range(FAILURES + 100):
                began = anyio.current_time()
                with pytest.raises(Unavailable):
                    await link.ping()
                waited.append(anyio.current_time() - began)
        return waited

    waited = in_made_time(waits)
    assert waited[:FAILURES] == pytest.approx([BUDGET_S] * FAILURES)
    assert waited[FAILURES:] == [0.0] * 100
    assert BUDGET_S <= CALL_S


async def waits_of_requests(server: object, *, a_second: int, seconds: int) -> list[float]:
    """What requests that are counted and then show a row, so many a second, wait for Redis."""
    store, waited = InMemoryStore(), list[float]()
    memory = written(await store.apply(NS, [an_upsert("1")])).id
    async with OwnedJobs.open() as jobs, owned_tasks() as tasks:
        link = link_to(server, jobs)
        limiter = FailoverLimiter(RedisLimiter(link, QUOTA), InMemoryLimiter(QUOTA))
        rows = CachedRows(tasks, records=store, cache=RedisCache(link), telemetry=NoTelemetry())

        async def request() -> None:
            began = anyio.current_time()
            assert (await limiter.take("who")).allowed
            assert memory in await rows.fetch(NS, [memory])
            waited.append(anyio.current_time() - began)

        async with anyio.create_task_group() as callers:
            for _ in range(a_second * seconds):
                callers.start_soon(request)
                await anyio.sleep(1 / a_second)
    return sorted(waited)


@pytest.mark.parametrize("server", [Silent(), Gone()])
@pytest.mark.parametrize("a_second", [10, 100, 500])
def test_the_95th_percentile_keeps_its_promise_while_redis_is_away(
    server: object, a_second: int
) -> None:
    waited = in_made_time(lambda: waits_of_requests(server, a_second=a_second, seconds=30))
    assert len(waited) == 30 * a_second
    assert waited[int(len(waited) * 0.95)] <= PROMISED_S
    assert waited[-1] <= 2 * BUDGET_S + 1e-9, "counted and cached: one budget each"
