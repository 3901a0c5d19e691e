"""Servers of a stack go away under load and come back: what was acknowledged arrives, once."""

import os
import random
import re

import anyio
import httpx
import pytest

from tests.chaos.stack_faults import emptied_kafka, server_down, until_ready
from tests.chaos.stack_load import under_load
from tests.chaos.stack_truth import Truth
from tests.servers.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

OUTAGE_S = float(os.environ.get("SFM_TEST_OUTAGE_S", "10"))
SEED = int(os.environ.get("SFM_TEST_SEED", "0")) or random.randrange(2**32)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Aiokafka says several lines for each of its many tries."""
    print(f"SFM_TEST_SEED={SEED}")
    caplog.set_level("CRITICAL", "aiokafka")


async def test_stores_go_on_while_kafka_is_down_and_everything_arrives(chaos_stack: Stack) -> None:
    truth = Truth(chaos_stack)
    async with under_load(truth, "kafka-down", SEED) as load:
        await load.some_more()
        async with server_down(chaos_stack, "kafka"):
            refused, before = load.progress.retries, load.progress.acknowledged
            await anyio.sleep(OUTAGE_S)
            written = load.progress.acknowledged - before
            assert written > OUTAGE_S, "the API hardly served"
            assert load.progress.retries == refused, "a store was refused for Kafka's sake"
            assert await unsent_says_the_metric(chaos_stack) >= 0.3 * await truth.unsent() > 0
        await load.some_more()
    for url in chaos_stack.endpoints.services.values():
        await until_ready(url)


async def test_a_broker_that_comes_back_empty_loses_nothing(chaos_stack: Stack) -> None:
    truth = Truth(chaos_stack)
    async with under_load(truth, "kafka-empty", SEED, foreign=0) as load:
        await load.some_more()
        async with server_down(chaos_stack, "kafka"):
            await anyio.to_thread.run_sync(emptied_kafka, chaos_stack)
        truth.lost_broker = True
        await load.some_more()
    async with under_load(truth, "kafka-empty-after", SEED) as load:
        await load.some_more()


async def unsent_says_the_metric(stack: Stack) -> float:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{stack.endpoints.api}/metrics")).text
    [value] = re.findall(r"^sfm_outbox_unsent_rows (\S+)$", text, re.MULTILINE)
    return float(value)
