"""What a member of a group did not commit is given again, by a real Kafka."""

import anyio
import pytest

from tests.integration.test_kafka_groups import member, publish
from tests.servers.kafka import TestKafka

pytestmark = pytest.mark.integration

COUNT = 20
LOOKS = 10


async def test_nothing_is_committed_by_itself(kafka_server: TestKafka) -> None:
    await check_nothing_is_committed_by_itself(kafka_server)


async def check_nothing_is_committed_by_itself(server: TestKafka) -> None:
    topic = server.topic(partitions=2)
    await publish(server, topic, *range(COUNT))
    async with member(server, topic) as first:
        with anyio.fail_after(20):
            while len(first.seen) < COUNT:
                await first.step(commits=False)
    async with member(server, topic) as second:
        with anyio.fail_after(20):
            while not second.source.owned():
                await second.step(commits=False)
        for _ in range(LOOKS):
            if len(second.seen) < COUNT:
                await second.step(commits=False)
    assert second.numbers() == list(range(COUNT)), "committed by itself"
