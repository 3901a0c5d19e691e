"""Fifty times the process is killed, fifty times PostgreSQL under it: nothing lost, nothing twice.

`SFM_TEST_KILLS` says how often, `SFM_TEST_SEED` repeats what the clients did.
"""

import os
import random
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from tests.chaos.mixed_load import NAMESPACE, Actor, Progress, check, check_digests
from tests.servers.standalone import Standalone, standalone

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

KILLS = int(os.environ.get("SFM_TEST_KILLS", "50"))
SEED = int(os.environ.get("SFM_TEST_SEED", "0")) or random.randrange(2**32)
ACTORS = 8
BETWEEN_KILLS = 16
BACK_WITHIN_S = 10.0
STILL = "stillness"


@asynccontextmanager
async def a_client(server: Standalone) -> AsyncGenerator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=2 * ACTORS)
    async with httpx.AsyncClient(
        base_url=server.url, headers=server.headers(), timeout=30, limits=limits
    ) as client:
        yield client


async def test_the_process_is_killed_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    print(f"SFM_TEST_SEED={SEED}")
    with standalone(tmp_path / "data") as server:
        await anyio.to_thread.run_sync(server.start)
        progress, stopping = Progress(), anyio.Event()
        async with a_client(server) as client:
            await _store_what_lies_still(client)
            actors = [Actor(client, progress, number, SEED) for number in range(ACTORS)]
            async with anyio.create_task_group() as tasks:
                for actor in actors:
                    tasks.start_soon(actor.run, stopping)
                for _ in range(KILLS):
                    await progress.some_more(BETWEEN_KILLS, within_s=60)
                    await anyio.to_thread.run_sync(server.kill)
                    await anyio.to_thread.run_sync(server.start)
                    await check_digests(client, f"{NAMESPACE}-still")
                await progress.some_more(BETWEEN_KILLS, within_s=60)
                stopping.set()
            assert await check(client, actors) > KILLS
            await check_digests(client, NAMESPACE)
        assert progress.retries >= KILLS, "the kills hit nothing"
        assert server.stop() == 0


async def test_postgres_is_killed_and_is_back_in_time_without_a_restart(tmp_path: Path) -> None:
    print(f"SFM_TEST_SEED={SEED}")
    with standalone(tmp_path / "data") as server:
        await anyio.to_thread.run_sync(server.start)
        assert server.process is not None
        pid = server.process.pid
        progress, stopping = Progress(), anyio.Event()
        async with a_client(server) as client:
            await _store_what_lies_still(client)
            actors = [Actor(client, progress, number, SEED) for number in range(ACTORS)]
            async with anyio.create_task_group() as tasks:
                for actor in actors:
                    tasks.start_soon(actor.run, stopping)
                for _ in range(KILLS):
                    await progress.some_more(BETWEEN_KILLS, within_s=60)
                    main = server.postgres()
                    assert main is not None
                    main.send_signal(signal.SIGKILL)
                    assert await _away_s(client) < BACK_WITHIN_S
                await progress.some_more(BETWEEN_KILLS, within_s=60)
                stopping.set()
            assert await check(client, actors) > KILLS
            await check_digests(client, NAMESPACE)
        assert progress.retries >= KILLS, "the kills hit nothing"
        assert server.process is not None
        assert server.process.pid == pid
        assert server.stop() == 0


async def _store_what_lies_still(client: httpx.AsyncClient) -> None:
    stored = await client.put(
        f"/v1/{NAMESPACE}-still/memories/9", json={"payload": {"word": STILL}}
    )
    assert stored.status_code == 201


async def _away_s(client: httpx.AsyncClient) -> float:
    """How long a recall was refused; each answer is the memory, or a 503 that says what is away."""
    began = time.perf_counter()
    while True:
        answer = await client.post(f"/v1/{NAMESPACE}-still/recall", json={"query": STILL})
        if answer.status_code == 200:
            assert [hit["coordinate"] for hit in answer.json()["hits"]] == [[9]], answer.text
            stored = await client.get(f"/v1/{NAMESPACE}-still/memories/9")
            if stored.status_code == 200:
                return time.perf_counter() - began
            answer = stored
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        await anyio.sleep(0.02)
