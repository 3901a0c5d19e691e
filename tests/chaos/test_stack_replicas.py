"""More processes of a service come, die and are told to stop, under load."""

import os
import random
from contextlib import ExitStack

import anyio
import pytest

from tests.chaos.stack_faults import Replica, a_replica, server_down, until_ready
from tests.chaos.stack_load import under_load
from tests.chaos.stack_truth import Truth
from tests.servers.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

SEED = int(os.environ.get("SFM_TEST_SEED", "0")) or random.randrange(2**32)
CONSUMERS = ("kv-writer", "vector-indexer")
SERVERS = ("kafka", "qdrant", "postgres", "valkey")
STOPS = int(os.environ.get("SFM_TEST_STOPS", "1"))
"""So many of the servers are down, one after the other, while services stop; 4: each."""
EXIT_WITHIN_S = 15.0
IN_THE_GROUP_S = 90.0


@pytest.fixture(autouse=True)
def seeded() -> None:
    print(f"SFM_TEST_SEED={SEED}")


async def test_replicas_come_die_without_leaving_their_group_and_end_in_order(
    chaos_stack: Stack,
) -> None:
    truth = Truth(chaos_stack)
    async with under_load(truth, "scale-out", SEED) as load:
        with ExitStack() as added:
            first, second = (all_services(chaos_stack, number, added) for number in (2, 3))
            for replica in (*first, *second):
                await until_ready(replica.url)
            for service in CONSUMERS:
                await in_the_group(truth, f"sfm.{service}", 3)
            await load.some_more()
            for replica in first:
                replica.kill()
            await load.some_more()
            async with anyio.create_task_group() as ending:
                for replica in second:
                    ending.start_soon(ends_well, chaos_stack, replica)
            await load.some_more()


@pytest.mark.parametrize("stop", range(STOPS))
async def test_services_end_in_order_while_a_server_is_down(chaos_stack: Stack, stop: int) -> None:
    away = random.Random(SEED).sample(SERVERS, STOPS)[stop]
    print(f"without {away}")
    truth = Truth(chaos_stack)
    async with under_load(truth, f"stops-{stop}", SEED) as load:
        with ExitStack() as added:
            replicas = all_services(chaos_stack, 2, added)
            for replica in replicas:
                await until_ready(replica.url)
            await load.some_more()
            async with server_down(chaos_stack, away), anyio.create_task_group() as ending:
                for replica in replicas:
                    ending.start_soon(ends_well, chaos_stack, replica)
            await load.some_more()


def all_services(stack: Stack, number: int, added: ExitStack) -> list[Replica]:
    """One more process of each service, gone when `added` closes."""
    unlike = {"KAFKA_GROUP_INSTANCE_ID": f"replica-{number}"}
    return [
        added.enter_context(a_replica(stack, service, **unlike))
        for service in stack.endpoints.services
    ]


async def ends_well(stack: Stack, replica: Replica) -> None:
    code = await replica.terminated(within_s=EXIT_WITHIN_S)
    assert code == 0, (replica.service, stack.folder.logs)


async def in_the_group(truth: Truth, group: str, members: int) -> None:
    with anyio.fail_after(IN_THE_GROUP_S):
        while await truth.members(group) != members:  # noqa: ASYNC110 - of another process
            await anyio.sleep(0.2)
