"""Topics and transactions of somebody else's, on a real Kafka."""

import logging
import secrets

import anyio
import pytest
from aiokafka import AIOKafkaProducer

from sfm_core.runtime.readiness import Dependency
from sfm_events.consuming import Consumer
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Record
from sfm_events.transports.kafka import KafkaTransport
from tests.servers.kafka import TestKafka
from tests.unit.sfm_events.consumers import Effects

pytestmark = pytest.mark.integration


def settings_for(server: TestKafka, topic: str) -> KafkaSettings:
    return KafkaSettings(
        kafka_bootstrap_servers=tuple(server.bootstrap.split(",")), kafka_memory_events_topic=topic
    )


async def no_others() -> list[Dependency]:
    return []


async def test_a_topic_whose_settings_lose_or_forge_events_is_told_of(
    kafka_server: TestKafka, caplog: pytest.LogCaptureFixture
) -> None:
    topic = kafka_server.topic(cleanup_policy="compact", max_message_bytes=str(4 * 1024 * 1024))
    transport = await KafkaTransport.connect(settings_for(kafka_server, topic))
    said = [
        f"{topic}: message.timestamp.type is CreateTime and not LogAppendTime",
        f"{topic}: cleanup.policy is compact and not delete",
    ]
    assert transport.remarks == []
    with caplog.at_level(logging.WARNING, "sfm_events"):
        async with transport.producer() as producer, transport.source("test") as source:
            await source.fetch(limit=1, wait_s=0.01)
            await producer.send([])
            loop = ConsumerLoop(name="test", source=source, handler=Effects(), producer=producer)
            readiness = await Consumer(loop, no_others, lambda: transport.remarks).ready()
    assert sorted(transport.remarks) == sorted(said)
    told = [one for one in caplog.records if one.message == "kafka.topic_differs"]
    assert len(told) == 2, "each once"
    [events] = readiness.dependencies
    assert events.detail == "not started", "what stops it goes before"


async def test_topics_of_our_own_making_are_as_they_are_to_be(kafka_server: TestKafka) -> None:
    name = f"test.{secrets.token_hex(6)}"
    for _ in range(2):  # made, then found
        transport = await KafkaTransport.connect(settings_for(kafka_server, name))
        async with transport.source("test") as source:
            await source.fetch(limit=1, wait_s=0.01)
        assert transport.remarks == []


async def test_what_a_transaction_took_back_is_not_read(kafka_server: TestKafka) -> None:
    topic = kafka_server.topic()
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka_server.bootstrap, transactional_id=secrets.token_hex(6)
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"taken back", key=b"k")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"meant", key=b"k")
    finally:
        await producer.stop()
    transport = await KafkaTransport.connect(settings_for(kafka_server, topic))
    seen: list[Record] = []
    async with transport.source("test") as source:
        with anyio.fail_after(60):
            while not seen:
                given = await source.fetch(limit=10, wait_s=0.2)
                seen += [one for records in given.values() for one in records]
            while sum((await source.lags()).values()):
                await source.fetch(limit=10, wait_s=0.1)
    assert [one.value for one in seen] == [b"meant"]
