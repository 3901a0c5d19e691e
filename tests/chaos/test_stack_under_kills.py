"""Every service is killed again and again under load, and now and then a server; nothing is lost
or done twice.
"""

import os
import random
from collections.abc import Awaitable, Callable

import anyio
import pytest

from tests.chaos.stack_faults import Killer, until_ready
from tests.chaos.stack_load import PATIENCE_S, under_load
from tests.chaos.stack_truth import Truth
from tests.servers.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

type Life = Callable[[random.Random], Awaitable[None]]

SERVERS = ("postgres", "kafka", "qdrant", "valkey")
KILLS = int(os.environ.get("SFM_TEST_STACK_KILLS", "10"))
SEED = int(os.environ.get("SFM_TEST_SEED", "0")) or random.randrange(2**32)


async def test_everything_is_killed_under_load(chaos_stack: Stack) -> None:
    print(f"SFM_TEST_SEED={SEED}")
    urls = chaos_stack.endpoints.services
    async with under_load(Truth(chaos_stack), "kills", SEED) as load:
        await load.some_more()

        async def some_writes(rng: random.Random) -> None:
            await load.progress.some_more(rng.randint(1, 20), within_s=PATIENCE_S)

        lives = dict.fromkeys(urls, up_to(0.5)) | {"api": some_writes}
        killers = [a_killer(chaos_stack, name, life) for name, life in lives.items()]
        async with anyio.create_task_group() as killing:
            for killer in killers:
                killing.start_soon(killer.run, KILLS)
            for server in SERVERS:
                once = a_killer(chaos_stack, server, up_to(20.0))
                killing.start_soon(once.run, max(1, KILLS // 10))
        for url in urls.values():
            await until_ready(url)
        await load.some_more()
    assert load.progress.retries, "the kills hit nothing"
    assert all(killer.kills >= KILLS for killer in killers)


def a_killer(stack: Stack, program: str, life: Life) -> Killer:
    return Killer(stack, program, random.Random(f"{SEED} {program}"), life)


def up_to(longest_s: float) -> Life:
    async def life(rng: random.Random) -> None:
        await anyio.sleep(rng.uniform(0.0, longest_s))

    return life
