"""The transports against their contract."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from sfm_events.ports import Message, Source
from sfm_events.testing.contracts import ProducerContract, SharingContract, SourceContract
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer


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
