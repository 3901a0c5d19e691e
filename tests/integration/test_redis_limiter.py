"""The shared limiter: one limit for several processes, and the same verdicts as its twin."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfm_core import gcra
from sfm_core.adapters.failover_limiter import FailoverLimiter
from sfm_core.adapters.inmemory_limiter import InMemoryLimiter
from sfm_core.adapters.redis.limiter import RedisLimiter
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.model import Quota
from sfm_core.testing.fakes import InlineJobs
from tests.servers.valkey import TestValkey

pytestmark = pytest.mark.integration
QUOTA = Quota(limit=5, window_s=3600.0)
_names = count()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    quota=st.builds(
        Quota, limit=st.integers(1, 9), window_s=st.sampled_from([0.7, 60.0, 86_400.0])
    ),
    gaps=st.lists(st.integers(0, 30_000_000), min_size=1, max_size=30),
)
async def test_lua_and_python_give_the_same_verdicts(
    redis_url: str, quota: Quota, gaps: list[int]
) -> None:
    subject, arrival, now = f"twin {next(_names)}", 0, 1_800_000_000_000_000
    async with RedisLink.open(redis_url, jobs=InlineJobs(), budget_s=5.0) as link:
        limiter = RedisLimiter(link, quota)
        for gap in gaps:
            now += gap
            expected, arrival = gcra.judge(quota, arrival, now)
            assert await limiter.take(subject, now_us=now) == expected


async def test_two_processes_share_one_limit(own_valkey: TestValkey) -> None:
    async with (
        RedisLink.open(own_valkey.url) as here,
        RedisLink.open(own_valkey.url) as there,
    ):
        one, other = RedisLimiter(here, QUOTA), RedisLimiter(there, QUOTA)
        allowed = [(await limiter.take("ada")).allowed for limiter in (one, other) * 5]
    assert allowed == [True] * 5 + [False] * 5


async def test_an_acl_user_with_these_rights_is_enough(own_valkey: TestValkey) -> None:
    rights = ["~sfm:*", "+eval", "+time", "+get", "+set", "+mget", "+getrange", "+scan", "+unlink"]
    own_valkey.ask("ACL", "SETUSER", "soma", "on", ">pass%word", *rights, "+ping")
    own_valkey.ask("ACL", "SETUSER", "default", "off")
    url = own_valkey.url.replace("redis://", "redis://soma:pass%25word@")
    async with RedisLink.open(url) as link:
        await link.ping()
        assert (await RedisLimiter(link, QUOTA).take("ada")).remaining == 4


async def test_a_count_goes_by_itself_when_it_says_nothing_any_more(
    own_valkey: TestValkey,
) -> None:
    async with RedisLink.open(own_valkey.url) as link:
        await RedisLimiter(link, QUOTA).take("ada")
        [key] = await link.call("KEYS", "*")
        left_ms = await link.call("PTTL", key)
    assert 0 < left_ms <= QUOTA.interval_us / 1000 + 1


async def test_a_stopped_redis_leaves_each_process_to_count_by_itself(
    own_valkey: TestValkey,
) -> None:
    async with RedisLink.open(own_valkey.url) as link:
        limiter = FailoverLimiter(RedisLimiter(link, QUOTA), InMemoryLimiter(QUOTA))
        await limiter.take("ada")
        assert limiter.is_shared
        own_valkey.stop()
        assert [(await limiter.take("ada")).allowed for _ in range(7)] == [True] * 5 + [False] * 2
        assert not limiter.is_shared
