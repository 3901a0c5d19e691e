"""Members of a group on a real Kafka: who joins, who dies, and what each may still commit."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from operator import attrgetter

import anyio
import anyio.lowlevel
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError

from sfm_core.errors import Unavailable
from sfm_events.ports import Partition, Record
from sfm_events.transports.kafka_inside import Life, _cut, _tasks_of
from sfm_events.transports.kafka_membership import Membership
from sfm_events.transports.kafka_producer import KafkaProducer
from sfm_events.transports.kafka_source import KafkaSource
from tests.servers.kafka import TestKafka
from tests.servers.kafka_traffic import connection_to, numbered

pytestmark = pytest.mark.integration

SESSION_S = 1.5
PARTITIONS = 4


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", "aiokafka")


@pytest.fixture
def topic(kafka_server: TestKafka) -> str:
    return kafka_server.topic(partitions=PARTITIONS)


class Member:
    """A source that a test moves step by step."""

    def __init__(self, source: KafkaSource) -> None:
        self.source = source
        self.seen: list[Record] = []

    async def step(self, *, commits: bool = True) -> Mapping[Partition, int]:
        """One fetch; what may be committed of it."""
        given = await self.source.fetch(limit=1000, wait_s=0.2)
        self.seen.extend(one for records in given.values() for one in records)
        nexts = {partition: records[-1].offset + 1 for partition, records in given.items()}
        if commits:
            assert not await self.source.commit(nexts)
        return nexts

    async def until_it_has(self, count: int) -> None:
        with anyio.fail_after(60):
            while len(self.seen) < count:
                await self.step()

    async def until_it_owns_some(self) -> None:
        with anyio.fail_after(60):
            while not self.source.owned():
                await self.step()

    @property
    def client(self) -> AIOKafkaConsumer:
        assert self.source._client is not None
        return self.source._client

    @property
    def life(self) -> Life:
        """The round of the assignment that it has taken."""
        return self.source._life

    def numbers(self) -> list[int]:
        return sorted(int(one.value or b"") for one in self.seen)

    def die(self) -> None:
        """As a process that is killed: nobody is told."""
        client, self.source._client = self.client, None
        client._closed = True
        _cut(client._client, _tasks_of(client))

    def stall(self) -> None:
        """As a process whose loop is blocked: it is silent, and does not know."""
        self.client._coordinator._heartbeat_task.cancel()


@asynccontextmanager
async def member(
    server: TestKafka, topic: str, *, instance: str | None = None
) -> AsyncGenerator[Member]:
    connection = await connection_to(server.bootstrap)
    membership = Membership(group=topic, topics=(topic,), session_s=SESSION_S, instance_id=instance)
    async with KafkaSource.open(connection, membership) as source:
        yield Member(source)


async def publish(server: TestKafka, topic: str, *numbers: int) -> None:
    async with KafkaProducer.open(await connection_to(server.bootstrap)) as producer:
        await producer.send(numbered(topic, *numbers))


async def shared(one: Member, other: Member) -> None:
    """Until both own two partitions each."""
    with anyio.fail_after(60):
        while not (len(one.source.owned()) == len(other.source.owned()) == PARTITIONS // 2):
            await one.step()
            await other.step()


async def test_two_members_share_the_partitions_and_see_each_record_once(
    kafka_server: TestKafka, topic: str
) -> None:
    await publish(kafka_server, topic, *range(100))
    async with member(kafka_server, topic) as one, member(kafka_server, topic) as other:
        await one.until_it_has(100)
        await shared(one, other)
        await publish(kafka_server, topic, *range(100, 200))
        with anyio.fail_after(60):
            while len(one.seen) + len(other.seen) < 200:
                await one.step()
                await other.step()
    assert sorted(one.numbers() + other.numbers()) == list(range(200))
    assert other.seen


async def test_a_rebalance_waits_for_what_is_in_hand(kafka_server: TestKafka, topic: str) -> None:
    """What was fetched before a second member came can be committed while it is let in."""
    await publish(kafka_server, topic, *range(100))
    async with member(kafka_server, topic) as one, member(kafka_server, topic) as other:
        nexts: Mapping[Partition, int] = {}
        with anyio.fail_after(60):
            while len(one.seen) < 100:
                nexts = {**nexts, **await one.step(commits=False)}
        await other.step()
        with anyio.fail_after(60):
            await asyncio.shield(one.client._coordinator._rejoin_needed_fut)
        with anyio.move_on_after(0.7):
            await other.until_it_owns_some()
        assert not other.source.owned()
        assert await one.source.commit(nexts) == set()
        await shared(one, other)
    assert other.numbers() == []


async def test_the_partitions_of_a_member_that_was_killed_go_to_another(
    kafka_server: TestKafka, topic: str
) -> None:
    await publish(kafka_server, topic, *range(100))
    async with member(kafka_server, topic) as one, member(kafka_server, topic) as other:
        await one.until_it_has(100)
        await shared(one, other)
        await publish(kafka_server, topic, *range(100, 200))
        with anyio.fail_after(60):
            while not await one.step(commits=False):
                pass
        one.die()
        with anyio.fail_after(60):
            while not set(range(100, 200)) <= set(other.numbers()):
                await other.step()
        assert len(other.source.owned()) == PARTITIONS
    assert other.numbers() == list(range(100, 200)), "what was not committed, once"


async def test_who_was_thrown_out_learns_it_by_its_commit_and_goes_on(
    kafka_server: TestKafka, topic: str
) -> None:
    await publish(kafka_server, topic, *range(40))
    async with member(kafka_server, topic) as one, member(kafka_server, topic) as other:
        nexts: Mapping[Partition, int] = {}
        with anyio.fail_after(60):
            while len(one.seen) < 40:
                nexts = {**nexts, **await one.step(commits=False)}
        one.stall()
        await other.until_it_has(40)
        assert set(await one.source.commit(nexts)) == set(nexts)
        await publish(kafka_server, topic, *range(40, 60))
        await shared(one, other)
    assert set(one.numbers() + other.numbers()) == set(range(60))


async def test_nothing_is_committed_for_a_partition_that_is_anothers(
    kafka_server: TestKafka, topic: str
) -> None:
    async with member(kafka_server, topic) as one, member(kafka_server, topic) as other:
        await shared(one, other)
        foreign = dict.fromkeys(other.source.owned(), 1)
        assert set(await one.source.commit(foreign)) == set(foreign)


async def test_records_whose_commit_was_refused_come_again(
    kafka_server: TestKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of a rebalance, although their partition stays: they were dropped."""
    await publish(kafka_server, topic, *range(40))
    async with member(kafka_server, topic) as one:
        nexts: Mapping[Partition, int] = {}
        with anyio.fail_after(60):
            while len(one.seen) < 40:
                nexts = {**nexts, **await one.step(commits=False)}
        client = one.client

        async def refuse(_offsets: object) -> None:
            client._coordinator.request_rejoin()
            raise CommitFailedError

        with monkeypatch.context() as patched:
            patched.setattr(client, "commit", refuse)
            assert set(await one.source.commit(nexts)) == set(nexts)
        one.seen.clear()
        await one.until_it_has(40)
    assert one.numbers() == list(range(40))


@pytest.mark.parametrize("task", ["_fetcher._fetch_task", "_client._sync_task"])
async def test_a_client_that_has_stopped_fetching_is_replaced(
    kafka_server: TestKafka, topic: str, task: str
) -> None:
    await publish(kafka_server, topic, *range(10))
    async with member(kafka_server, topic) as one:
        await one.until_it_has(10)
        broken = one.client
        attrgetter(task)(broken).cancel()
        await publish(kafka_server, topic, *range(10, 20))
        await anyio.lowlevel.checkpoint()
        with pytest.raises(Unavailable, match="does not fetch any more"):
            await one.step()
        await one.until_it_has(20)
        assert one.client is not broken
    assert one.numbers() == list(range(20))


async def test_a_client_whose_assignment_cannot_be_taken_is_replaced(
    kafka_server: TestKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(kafka_server, topic, *range(10))
    async with member(kafka_server, topic) as one:
        await one.until_it_has(10)
        broken = one.client

        def refuse(*_: object) -> None:
            raise IllegalStateError

        monkeypatch.setattr(broken, "seek", refuse)
        broken._coordinator.request_rejoin()
        await publish(kafka_server, topic, *range(10, 20))
        await one.until_it_has(20)
        assert one.client is not broken
    assert one.numbers() == list(range(20))


async def test_what_stays_through_a_rebalance_goes_on_where_it_was(
    kafka_server: TestKafka, topic: str
) -> None:
    """Also what was not committed is not read again: nobody else can have had it."""
    await publish(kafka_server, topic, *range(40))
    async with member(kafka_server, topic) as one:
        nexts: Mapping[Partition, int] = {}
        with anyio.fail_after(60):
            while len(one.seen) < 40:
                nexts = {**nexts, **await one.step(commits=False)}
        one.source.pause(one.source.owned())
        before = one.life
        one.client._coordinator.request_rejoin()
        await publish(kafka_server, topic, *range(40, 60))
        with anyio.fail_after(60):
            while one.life == before:
                assert not await one.step(), "still paused"
        one.source.resume(one.source.owned())
        assert await one.source.commit(nexts) == set()
        await one.until_it_has(60)
    assert one.numbers() == list(range(60))


async def test_what_was_read_in_an_earlier_life_is_not_committed_in_a_later(
    kafka_server: TestKafka, topic: str
) -> None:
    await publish(kafka_server, topic, *range(40))
    async with member(kafka_server, topic) as one:
        nexts: Mapping[Partition, int] = {}
        with anyio.fail_after(60):
            while len(one.seen) < 40:
                nexts = {**nexts, **await one.step(commits=False)}
        before = one.life
        one.client._coordinator.reset_generation()  # as when the group has forgotten it
        one.source.pause(one.source.owned())
        with anyio.fail_after(60):
            while one.life == before:
                assert not await one.step()
        assert set(await one.source.commit(nexts)) == set(nexts)
        one.source.resume(one.source.owned())
        one.seen.clear()
        await one.until_it_has(40)


async def test_a_member_with_a_name_of_its_own_comes_back_to_its_partitions(
    kafka_server: TestKafka, topic: str
) -> None:
    async with member(kafka_server, topic, instance="b") as other:
        async with member(kafka_server, topic, instance="a") as one:
            await shared(one, other)
            before, kept = set(one.source.owned()), set(other.source.owned())
        async with member(kafka_server, topic, instance="a") as one:
            with anyio.fail_after(60):
                while not one.source.owned():
                    await one.step()
            assert set(one.source.owned()) == before
        assert set(other.source.owned()) == kept, "nobody took them meanwhile"
