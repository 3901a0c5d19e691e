"""Links before their ends, over a real Kafka and into PostgreSQL."""

from dataclasses import replace

import anyio
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.postgres.inbox import PostgresInbox
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.coordinates import link_id
from sfm_core.model import EventType, Link
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.writes import at
from sfm_events.codec import encode, key_of
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.loop import ConsumerLoop
from sfm_events.policy import LoopPolicy
from sfm_events.ports import Message
from sfm_events.transports.kafka import KafkaTransport
from sfm_kv_writer.handler import KvWriter
from tests.servers.events import a_link, foreign
from tests.servers.kafka import TestKafka

pytestmark = pytest.mark.integration
LINKS = 40


def _messages(topic: str, namespace: str) -> list[Message]:
    """Every link right behind its origin, and before its target."""
    events = []
    for n in range(LINKS + 1):
        one, other = at(str(n)), at(str(n + 1))
        events.append(foreign(namespace=namespace, coordinate=one))
        if n < LINKS:
            id_ = link_id(namespace, one, other, "related")
            link = a_link(one, other)
            events.append(foreign(EventType.LINKED, namespace=namespace, id=id_, link=link))
    return [Message(topic=topic, key=key_of(one), value=encode(one)) for one in events]


async def test_every_link_is_made_whatever_partition_comes_first(
    kafka_server: TestKafka, module_database: str
) -> None:
    topic = kafka_server.topic(partitions=4, message_timestamp_type="LogAppendTime")
    settings = KafkaSettings(
        kafka_bootstrap_servers=tuple(kafka_server.bootstrap.split(",")),
        kafka_memory_events_topic=topic,
    )
    transport = await KafkaTransport.connect(settings)
    stopping = anyio.Event()
    made: list[Link] = []
    async with (
        open_pool(module_database, size=3) as pool,
        transport.producer() as producer,
        transport.source("kv-writer") as source,
        anyio.create_task_group() as tasks,
    ):
        await producer.send(_messages(topic, "early"))
        handler = KvWriter(
            inbox=PostgresInbox(pool),
            info=HashEmbedder().info,
            producer=producer,
            clock=SystemClock(),
        )
        policy = replace(LoopPolicy(), max_records=10, dlq_limit=1)
        loop = ConsumerLoop(
            name="test", source=source, handler=handler, producer=producer, policy=policy
        )
        tasks.start_soon(loop.run, stopping)
        with anyio.fail_after(60):
            while len(made) < LINKS:
                made = [one async for page in PostgresLinks(pool).all("early") for one in page]
                await anyio.sleep(0.05)
        stopping.set()
    assert len(made) == LINKS
