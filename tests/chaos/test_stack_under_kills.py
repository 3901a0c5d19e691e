"""Every service is killed again and again under load, and nothing is lost or done twice."""

import os
import random

import anyio
import pytest

from tests.chaos.stack_faults import Killer, until_ready
from tests.chaos.stack_load import under_load
from tests.chaos.stack_truth import Truth
from tests.servers.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

KILLS = int(os.environ.get("SFM_TEST_STACK_KILLS", "10"))
SEED = int(os.environ.get("SFM_TEST_SEED", "0")) or random.randrange(2**32)


async def test_services_are_killed_under_load(chaos_stack: Stack) -> None:
    print(f"SFM_TEST_SEED={SEED}")
    services = chaos_stack.endpoints.services
    killers = [Killer(chaos_stack, name, random.Random(f"{SEED} {name}")) for name in services]
    async with under_load(Truth(chaos_stack), "kills", SEED) as load:
        await load.some_more()
        async with anyio.create_task_group() as killing:
            for killer in killers:
                killing.start_soon(killer.run, KILLS)
        for url in services.values():
            await until_ready(url)
        await load.some_more()
    assert load.progress.retries, "the kills hit nothing"
    assert all(killer.kills >= KILLS for killer in killers)
