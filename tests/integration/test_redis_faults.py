"""Redis stopped, frozen, flushed, full: only latency changes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from time import perf_counter
from typing import Any

import anyio
import httpx
import pytest

from sfm_api.app import create_app
from sfm_core.adapters.breaker import FAILURES, FIRST_PAUSE_S, Breaker
from sfm_core.adapters.redis.link import RedisLink
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.factory import open_runtime
from sfm_core.model import Quota
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.metrics import open_telemetry
from sfm_core.runtime.secret import Secret
from tests.servers.valkey import TestValkey
from tests.unit.sfm_api.api_client import SETTINGS, TEA, client_of

pytestmark = pytest.mark.integration
AGAIN = {"payload": {"said": "Ada drinks green tea again"}}
PLENTY = Quota(limit=100_000, window_s=60.0)


@asynccontextmanager
async def served(url: str) -> AsyncGenerator[httpx.AsyncClient]:
    telemetry = open_telemetry()
    settings = CoreSettings(
        postgres_url=Secret("memory://"),
        embedder="hash",
        redis_url=Secret(url),
        read_cache=True,
    )
    async with open_runtime(settings, telemetry=telemetry, quota=PLENTY) as runtime:
        app = create_app(runtime, SETTINGS, telemetry=telemetry)
        async with client_of(app) as client:
            yield client


async def asked(client: httpx.AsyncClient) -> tuple[Any, float]:
    """What a recall finds, and how long it took."""
    started = perf_counter()
    answer = await client.post("/v1/acme/recall", json={"query": "green tea", "explain": False})
    took = perf_counter() - started
    assert answer.status_code == 200, answer.text
    assert "ratelimit-remaining" in answer.headers
    return answer.json()["hits"], took


async def redis_of(client: httpx.AsyncClient) -> tuple[int, bool]:
    answer = await client.get("/readyz")
    [redis] = [one for one in answer.json()["dependencies"] if one["name"] == "redis"]
    assert redis["required"] is False
    return answer.status_code, redis["ok"]


def fault(server: TestValkey, name: str) -> None:
    match name:
        case "stopped":
            server.stop()
        case "frozen":
            server.freeze()
        case "flushed":
            server.ask("FLUSHALL")
        case "full":
            server.ask("CONFIG", "SET", "maxmemory", "1")


@pytest.mark.parametrize("name", ["stopped", "frozen", "flushed", "full"])
async def test_only_latency_changes(name: str, own_valkey: TestValkey) -> None:
    with nullcontext(own_valkey) as server:
        async with served(server.url) as client:
            assert (await client.put("/v1/acme/memories/1", json=TEA)).status_code == 201
            expected, _ = await asked(client)
            assert await redis_of(client) == (200, True)
            fault(server, name)
            for _ in range(40):
                hits, _ = await asked(client)
                assert hits == expected
            changed = await client.put("/v1/acme/memories/1", json=AGAIN)
            assert changed.status_code == 200
            hits, _ = await asked(client)
            assert [hit["payload"] for hit in hits] == [AGAIN["payload"]]
            assert (await client.delete("/v1/acme/memories/1")).status_code == 204
            assert (await asked(client))[0] == []
            code, _ = await redis_of(client)
            assert code == 200
            if name == "frozen":
                server.thaw()


async def test_a_frozen_redis_costs_a_few_calls_their_budget_and_the_others_nothing(
    own_valkey: TestValkey,
) -> None:
    with nullcontext(own_valkey) as server:
        async with RedisLink.open(server.url, budget_s=0.02) as link:
            await link.ping()
            server.freeze()
            for _ in range(FAILURES):
                with pytest.raises(Unavailable, match="in time"):
                    await link.ping()
            assert link.is_broken
            for _ in range(100):
                with pytest.raises(Unavailable, match="passed by"):
                    await link.ping()
            server.thaw()


async def test_a_redis_that_comes_back_is_used_again(own_valkey: TestValkey) -> None:
    async with RedisLink.open(own_valkey.url) as link:
        await link.ping()
        own_valkey.stop()
        for _ in range(FAILURES):
            with pytest.raises(Unavailable):
                await link.ping()
        own_valkey.start()
        with anyio.fail_after(20):
            while link.is_broken:
                try:
                    await link.ping()
                except Unavailable:
                    await anyio.sleep(0.05)
        await link.ping()


async def test_a_storm_of_cancelled_calls_leaves_no_reply_for_the_next(
    own_valkey: TestValkey,
) -> None:
    async with RedisLink.open(own_valkey.url, budget_s=5.0) as link:
        for i in range(50):
            await link.call("SET", f"sfm:{i}", i)
        for round_ in range(20):
            async with anyio.create_task_group() as storm:
                for i in range(50):
                    storm.start_soon(link.call, "GET", f"sfm:{i}")
                for _ in range(round_ % 5):
                    await anyio.lowlevel.checkpoint()
                storm.cancel_scope.cancel()
            answers = [await link.call("GET", f"sfm:{i}") for i in range(10)]
            assert answers == [str(i).encode() for i in range(10)]


async def test_a_refusal_by_redis_does_not_open_the_breaker(own_valkey: TestValkey) -> None:
    async with RedisLink.open(own_valkey.url) as link:
        for _ in range(FAILURES + 1):
            with pytest.raises(Unavailable, match="refused"):
                await link.call("NO-SUCH-COMMAND")
        assert not link.is_broken


@pytest.mark.parametrize("url", ["postgres://x", "redis://host:port", "localhost:6379", ""])
async def test_a_url_that_is_none_is_said_without_showing_it(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"^REDIS_URL is not a URL of Redis$"):
        async with RedisLink.open(url):
            pass


def test_who_began_before_the_breaker_opened_does_not_end_the_try_of_another() -> None:
    now = 0.0
    breaker = Breaker(lambda: now, of="Redis")
    straggler = breaker.enter()
    for _ in range(FAILURES):
        breaker.failed(breaker.enter())
    now += FIRST_PAUSE_S
    breaker.enter()
    for late in (breaker.failed, breaker.left):
        late(straggler)
        assert not breaker.passes
    breaker.succeeded()
    assert breaker.passes


def test_a_breaker_lets_one_try_and_its_pause_doubles() -> None:
    now = 0.0
    breaker = Breaker(lambda: now, of="Redis")
    for _ in range(FAILURES):
        breaker.failed(breaker.enter())
    with pytest.raises(Unavailable):
        breaker.enter()
    now += FIRST_PAUSE_S
    ticket = breaker.enter()
    with pytest.raises(Unavailable):
        breaker.enter()
    breaker.failed(ticket)
    now += FIRST_PAUSE_S
    with pytest.raises(Unavailable):
        breaker.enter()
    now += FIRST_PAUSE_S
    breaker.left(breaker.enter())
    breaker.enter()
    breaker.succeeded()
    assert not breaker.is_open
    breaker.enter()
