"""The transports against their contract."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from sfm_events.ports import Message, Source
from sfm_events.testing.contracts import ProducerContract, SharingContract, SourceContract
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_membership import Membership
from sfm_events.transports.kafka_producer import KafkaProducer
from sfm_events.transports.kafka_source import KafkaSource
from sfm_events.transports.kafka_topics import MAX_MESSAGE_BYTES
from tests.servers.kafka import TestKafka
from tests.servers.kafka_traffic import connection_to

SESSION_S = 1.5
"""A member asks three times in a session whether another one came."""


class InMemoryWire:
    topic = "memory.events"
    partitions = 4

    def __init__(self) -> None:
        self._broker = InMemoryBroker()
        self._broker.create(self.topic, partitions=self.partitions)
        self.producer = InMemoryProducer(self._broker)

    async def fill(self, count: int) -> None:
        await self.producer.send(
            [Message(topic=self.topic, key=f"k{n}".encode(), value=b"{}") for n in range(count)]
        )

    @asynccontextmanager
    async def member(self, group: str) -> AsyncGenerator[Source]:
        source = self._broker.join(group, self.topic)
        try:
            yield source
        finally:
            await source.leave()


class TestInMemoryTransport(SourceContract, SharingContract, ProducerContract):
    @pytest.fixture
    def wire(self) -> InMemoryWire:
        return InMemoryWire()


class OneSendKafka:
    """A producer that a fixture may give away: it opens and ends with each `send`."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection

    async def send(self, messages: Sequence[Message]) -> None:
        async with KafkaProducer.open(self._connection) as producer:
            await producer.send(messages)


class KafkaWire:
    partitions = 4

    def __init__(self, topic: str, connection: KafkaConnection) -> None:
        self.topic = topic
        self.producer = OneSendKafka(connection)
        self._connection = connection

    async def fill(self, count: int) -> None:
        await self.producer.send(
            [Message(topic=self.topic, key=f"k{n}".encode(), value=b"{}") for n in range(count)]
        )

    @asynccontextmanager
    async def member(self, group: str) -> AsyncGenerator[Source]:
        membership = Membership(
            group=f"{self.topic}.{group}", topics=(self.topic,), session_s=SESSION_S
        )
        async with KafkaSource.open(self._connection, membership) as source:
            yield source


@pytest.mark.integration
class TestKafkaTransport(SourceContract, SharingContract, ProducerContract):
    @pytest.fixture
    async def wire(self, kafka_server: TestKafka) -> KafkaWire:
        topic = kafka_server.topic(
            partitions=KafkaWire.partitions, max_message_bytes=str(MAX_MESSAGE_BYTES)
        )
        return KafkaWire(topic, await connection_to(kafka_server.bootstrap))
