"""Dead letters on a real Kafka: from poison to the list, and back to an effect, once."""

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from aiokafka import AIOKafkaProducer

from sfm_cli.wiring import open_letters
from sfm_events.codec import encode, key_of
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.loop import ConsumerLoop
from sfm_events.ports import Delivered, Message, Poison
from sfm_events.transports.kafka import KafkaTransport
from tests.servers.kafka import TestKafka
from tests.unit.sfm_events.consumers import until
from tests.unit.sfm_events.events import an_event

pytestmark = pytest.mark.integration


class Mendable:
    """A handler to whom one memory is poison until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False
        self.made: list[int] = []

    async def handle(self, events: Sequence[Delivered]) -> None:
        versions = [one.event.version or 0 for one in events]
        if not self.is_mended and 3 in versions:
            raise Poison("the third is wrong")
        self.made += versions


@asynccontextmanager
async def consuming(transport: KafkaTransport, handler: Mendable) -> AsyncGenerator[None]:
    stopping = anyio.Event()
    async with (
        transport.producer() as producer,
        transport.source("kv-writer") as source,
        anyio.create_task_group() as tasks,
    ):
        loop = ConsumerLoop(name="kv-writer", source=source, handler=handler, producer=producer)
        tasks.start_soon(loop.run, stopping)
        yield
        stopping.set()


def settings_for(server: TestKafka) -> KafkaSettings:
    return KafkaSettings(
        kafka_bootstrap_servers=tuple(server.bootstrap.split(",")),
        kafka_memory_events_topic=f"test.{secrets.token_hex(6)}",
        kafka_consumer_group=f"test.{secrets.token_hex(6)}",
    )


async def test_poison_is_put_aside_shown_and_put_back_once(kafka_server: TestKafka) -> None:
    settings = settings_for(kafka_server)
    transport, handler = await KafkaTransport.connect(settings), Mendable()
    events = [an_event(str(n), version=n) for n in range(1, 6)]
    async with transport.producer() as producer:
        await producer.send(
            [
                Message(
                    topic=settings.kafka_memory_events_topic, key=key_of(one), value=encode(one)
                )
                for one in events
            ]
        )
    async with consuming(transport, handler):
        await until(lambda: len(handler.made) == 4, within_s=30)
        async with open_letters(settings) as letters:
            found: Sequence[object] = ()
            with anyio.fail_after(30):
                while not found:
                    found = await letters.waiting(limit=10)
        handler.is_mended = True
        async with open_letters(settings) as letters:
            assert await letters.replay() == 1
        await until(lambda: len(handler.made) == 5, within_s=30)
        async with open_letters(settings) as letters:
            assert await letters.replay() == 0
    assert sorted(handler.made) == [1, 2, 3, 4, 5]


async def test_a_record_that_was_small_only_while_compressed_halts_nobody(
    kafka_server: TestKafka,
) -> None:
    """A topic's limit is for what is compressed, and so is not for its letter."""
    settings = settings_for(kafka_server)
    topic = settings.kafka_memory_events_topic
    transport, handler = await KafkaTransport.connect(settings), Mendable()
    async with transport.producer() as producer:
        event = an_event("1", version=1)
        await producer.send([Message(topic=topic, key=key_of(event), value=encode(event))])
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_server.bootstrap,
        compression_type="gzip",
        max_request_size=64 * 1024 * 1024,
    ) as squeezing:
        await squeezing.send_and_wait(topic, key=key_of(event), value=b"x" * (9 * 1024 * 1024))
    async with transport.producer() as producer:
        event = an_event("1", version=2)
        await producer.send([Message(topic=topic, key=key_of(event), value=encode(event))])
    async with consuming(transport, handler):
        await until(lambda: handler.made == [1, 2], within_s=30)
    async with open_letters(settings) as letters:
        [letter] = await letters.waiting(limit=10)
    assert letter.offset == "1"
    assert "too large to keep whole" in letter.reason
