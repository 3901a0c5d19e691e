"""Servers of a stack go away under load and come back: what was acknowledged arrives, once."""

import os
import random
import re

import anyio
import httpx
import pytest

from tests.chaos.foreign_load import ForeignActor
from tests.chaos.mixed_load import Progress
from tests.chaos.stack_faults import emptied_kafka, server_down, service_away, until_ready
from tests.chaos.stack_load import a_producer, under_load
from tests.chaos.stack_truth import Truth
from tests.servers.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

OUTAGE_S = float(os.environ.get("SFM_TEST_OUTAGE_S", "10"))
SERVED_WITHIN_S = 90.0
LOOK_S = 0.1
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
        async with service_away(chaos_stack, "vector-indexer"):
            await _stored_by_events_that_no_indexer_sees(chaos_stack, truth)
            async with server_down(chaos_stack, "kafka"):
                await anyio.to_thread.run_sync(emptied_kafka, chaos_stack)
        truth.lost_broker = True
        await load.some_more()
    async with under_load(Truth(chaos_stack), "kafka-empty-after", SEED) as load:
        await load.some_more()


async def _stored_by_events_that_no_indexer_sees(stack: Stack, truth: Truth) -> None:
    """Memories without a vector, whose own events were published and are marked as sent."""
    stopping, namespace = anyio.Event(), "kafka-empty.unseen"
    async with a_producer(stack.endpoints.kafka) as producer:
        published = Progress()
        actor = ForeignActor(producer, published, 0, SEED, namespace=namespace)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(actor.run, stopping)
            await published.some_more(20, within_s=SERVED_WITHIN_S)
            stopping.set()
    with anyio.fail_after(SERVED_WITHIN_S):
        while not actor.event_ids <= await truth.logged(namespace):  # noqa: ASYNC110
            await anyio.sleep(LOOK_S)
        while await truth.unsent(namespace):  # noqa: ASYNC110
            await anyio.sleep(LOOK_S)


async def test_without_the_vector_store_writes_are_durable_and_recall_answers(
    chaos_stack: Stack,
) -> None:
    truth = Truth(chaos_stack)
    async with under_load(truth, "qdrant-down", SEED) as load:
        await load.some_more()
        async with server_down(chaos_stack, "qdrant"), a_client(chaos_stack) as client:
            await _written_without_the_vector_store(client)
            await load.published.some_more(20, within_s=SERVED_WITHIN_S)
            await load.some_more()
        await load.some_more()
    assert load.progress.durable, "no write met the outage"
    async with a_client(chaos_stack) as client:
        for word in ("violin", "kite"):
            answer = await client.post("/v1/qdrant-down.one/recall", json={"query": word})
            assert [hit["payload"]["text"] for hit in answer.json()["hits"]][:1] == [word]


async def _written_without_the_vector_store(client: httpx.AsyncClient) -> None:
    at = "/v1/qdrant-down.one/memories"
    refused = await client.put(f"{at}/1", json={"payload": {"text": "violin"}})
    assert refused.status_code == 503, refused.text
    assert refused.json()["durable"] is True
    assert refused.json()["coordinate"] == [1]
    taken = await client.put(f"{at}/2?wait=durable", json={"payload": {"text": "kite"}})
    assert taken.status_code == 202, taken.text
    for word in ("violin", "kite"):
        answer = await client.post("/v1/qdrant-down.one/recall", json={"query": word})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        found = [hit["payload"]["text"] for hit in told["hits"]][:1] == [word]
        assert found or told["degraded"], answer.text


async def unsent_says_the_metric(stack: Stack) -> float:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{stack.endpoints.api}/metrics")).text
    [value] = re.findall(r"^sfm_outbox_unsent_rows (\S+)$", text, re.MULTILINE)
    return float(value)


def a_client(stack: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=stack.endpoints.api, headers=stack.headers, timeout=30)
