"""The transports against their contract."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_groups import InMemoryLogGroups
from sfm_core.adapters.postgres.groups import PostgresLogGroups
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.ports import LogGroups, RecordStore
from sfm_core.testing.writes import an_upsert
from sfm_events.ports import Message, Source
from sfm_events.testing.contracts import ProducerContract, SharingContract, SourceContract
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_membership import Membership
from sfm_events.transports.kafka_producer import KafkaProducer
from sfm_events.transports.kafka_source import KafkaSource
from sfm_events.transports.kafka_topics import MAX_MESSAGE_BYTES
from sfm_events.transports.postgres import PostgresTransport
from tests.contract.stores import emptied
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


class LogWire:
    """The log of a store: what is written is what is read."""

    def __init__(self, store: RecordStore, groups: LogGroups) -> None:
        self._store = store
        self._transport = PostgresTransport(groups)
        self._filled = 0

    async def fill(self, count: int) -> None:
        places = range(self._filled, self._filled + count)
        self._filled += count
        for place in places:
            await self._store.apply(f"n{place % 2}", [an_upsert(str(place))])

    def member(self, group: str) -> AbstractAsyncContextManager[Source]:
        return self._transport.source(group)


class TestLogTransportInMemory(SourceContract):
    @pytest.fixture
    def wire(self) -> LogWire:
        store = InMemoryStore()
        return LogWire(store, InMemoryLogGroups(store))


@pytest.mark.integration
class TestPostgresTransport(SourceContract):
    @pytest.fixture
    async def wire(self, module_database: str) -> AsyncIterator[LogWire]:
        async with open_pool(module_database, size=3) as pool:
            await emptied(pool)
            yield LogWire(PostgresStore(pool), PostgresLogGroups(pool))
