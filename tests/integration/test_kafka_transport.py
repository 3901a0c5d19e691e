"""Kafka as a transport: groups, loss of a partition, and what is said of it."""

import anyio
import pytest

from sfm_events.kafka_settings import KafkaSettings
from sfm_events.ports import Message, Partition, Record, Source
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_membership import Membership
from sfm_events.transports.kafka_producer import KafkaProducer
from sfm_events.transports.kafka_source import KafkaSource
from tests.servers.kafka import TestKafka

pytestmark = pytest.mark.integration


async def connection_to(bootstrap: str) -> KafkaConnection:
    return await KafkaConnection.of(
        KafkaSettings(kafka_bootstrap_servers=tuple(bootstrap.split(",")))
    )


def messages(topic: str, *numbers: int) -> list[Message]:
    return [Message(topic=topic, key=b"k", value=b"%d" % number) for number in numbers]


async def collect(source: Source, count: int) -> list[Record]:
    found: list[Record] = []
    with anyio.fail_after(20):
        while len(found) < count:
            for records in (await source.fetch(limit=100, wait_s=0.5)).values():
                found.extend(records)
    return found


async def test_what_is_sent_is_read_in_order(kafka_server: TestKafka) -> None:
    topic = kafka_server.topic()
    connection = await connection_to(kafka_server.bootstrap)
    async with (
        KafkaProducer.open(connection) as producer,
        KafkaSource.open(connection, Membership(group=topic, topics=(topic,))) as source,
    ):
        await producer.send(messages(topic, *range(50)))
        records = await collect(source, 50)
        assert [int(one.value or b"") for one in records] == list(range(50))
        assert await source.commit({Partition(topic, 0): 50}) == set()
        assert await source.lags() == {Partition(topic, 0): 0}
