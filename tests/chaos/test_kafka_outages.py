"""Brokers that stop, freeze, lose their data or their leadership, under a steady flow."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from anyio import fail_after, move_on_after
from anyio.to_thread import run_sync

from sfm_core.errors import Unavailable
from sfm_events.transports.kafka_membership import Membership
from sfm_events.transports.kafka_producer import KafkaProducer
from sfm_events.transports.kafka_source import KafkaSource
from sfm_events.transports.kafka_topics import Topic, Topics
from tests.servers.kafka import TestKafka, leader_of
from tests.servers.kafka_nodes import KafkaCluster, KafkaNode
from tests.servers.kafka_traffic import Traffic, connection_to, numbered

pytestmark = pytest.mark.chaos


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Aiokafka says several lines for each of its many tries."""
    caplog.set_level("CRITICAL", "aiokafka")


@asynccontextmanager
async def traffic(bootstrap: str, name: str, *, send_s: float = 2.0) -> AsyncGenerator[Traffic]:
    topics = Topics(Topic(name=name, partitions=3))
    connection = await connection_to(bootstrap)
    membership = Membership(group=name, topics=(name,), session_s=1.5)
    async with (
        KafkaProducer.open(connection, topics, send_s=send_s) as producer,
        KafkaSource.open(connection, membership, topics, commit_s=1.5) as source,
        Traffic(name, producer, source).flowing() as flow,
    ):
        await flow.until(lambda: len(flow.numbers()) >= 100)
        yield flow


async def test_after_a_broker_was_down_nothing_is_lost(own_kafka: KafkaNode) -> None:
    async with traffic(own_kafka.bootstrap, "down") as flow:
        await run_sync(own_kafka.kill)
        await flow.until(lambda: flow.failed_sends >= 1 and flow.failed_fetches >= 1)
        await run_sync(own_kafka.start)
        await flow.until_acknowledged(100)
        await flow.settle()
    assert flow.again == 0, "what was committed does not come again"


async def test_a_restart_within_the_patience_of_a_send_doubles_nothing(
    own_kafka: KafkaNode,
) -> None:
    async with traffic(own_kafka.bootstrap, "restarted", send_s=30.0) as flow:
        await run_sync(own_kafka.restart)
        await flow.until_acknowledged(100)
        await flow.settle()
    assert flow.failed_sends == 0
    places = {(partition, offset): number for partition, offset, number in flow.seen}
    assert sorted(places.values()) == flow.acknowledged, "each once in the log"
    assert flow.again == 0


async def test_after_a_broker_came_back_empty_everything_flows_on(own_kafka: KafkaNode) -> None:
    """Its reader makes its topic anew, and begins with it, although it had read far into the old
    one.
    """
    async with traffic(own_kafka.bootstrap, "emptied") as flow:
        flow.is_held = True
        await run_sync(own_kafka.kill)
        await run_sync(own_kafka.empty)
        flow.acknowledged.clear()
        flow.committed.clear()
        await run_sync(own_kafka.start)
        with fail_after(60):
            while await leader_of(own_kafka.bootstrap, "emptied") is None:
                pass
        flow.is_held = False
        await flow.until_acknowledged(100)
        await flow.settle()


async def test_a_frozen_broker_is_waited_for(own_kafka: KafkaNode) -> None:
    async with traffic(own_kafka.bootstrap, "frozen") as flow:
        own_kafka.freeze()
        await flow.until(lambda: flow.failed_sends >= 1)
        own_kafka.thaw()
        await flow.until_acknowledged(100)
        await flow.settle()
    assert flow.again == 0


async def test_ends_in_bounded_time_while_the_broker_is_silent(own_kafka: KafkaNode) -> None:
    topics = Topics(Topic(name="silent", partitions=1))
    connection = await connection_to(own_kafka.bootstrap)
    membership = Membership(group="silent", topics=("silent",))
    try:
        with fail_after(30):
            async with (
                KafkaProducer.open(connection, topics, stop_s=0.5) as producer,
                KafkaSource.open(connection, membership, topics, stop_s=0.5) as source,
            ):
                await producer.send(numbered("silent", 1))
                while not await source.fetch(limit=1, wait_s=1.0):
                    pass
                own_kafka.freeze()
                with move_on_after(0.3):  # who leaves does not take the message along
                    await producer.send(numbered("silent", 2))
    finally:
        own_kafka.thaw()


async def test_a_producer_that_is_out_of_order_is_replaced(kafka_server: TestKafka) -> None:
    topic = kafka_server.topic()
    async with KafkaProducer.open(await connection_to(kafka_server.bootstrap)) as producer:
        await producer.send(numbered(topic, 1))
        client = producer._client
        assert client is not None
        client._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 5)
        with pytest.raises(Unavailable, match="OutOfOrderSequenceNumber"):
            await producer.send(numbered(topic, 2))
        await producer.send(numbered(topic, 3))
        assert producer._client is not client


async def test_nothing_is_lost_when_the_leader_of_three_is_killed(
    three_kafkas: KafkaCluster,
) -> None:
    async with traffic(three_kafkas.bootstrap, "led", send_s=20.0) as flow:
        led_by = await leader_of(three_kafkas.bootstrap, "led")
        assert led_by is not None
        leader = three_kafkas.node(led_by)
        await run_sync(leader.kill)
        await flow.until_acknowledged(200)
        await flow.settle()
        others = ",".join(n.bootstrap for n in three_kafkas.nodes if n is not leader)
        assert await leader_of(others, "led") not in (None, led_by)
    assert flow.failed_sends == 0, "the others answer within the patience of one send"
    places = {(partition, offset): number for partition, offset, number in flow.seen}
    assert sorted(places.values()) == flow.acknowledged
