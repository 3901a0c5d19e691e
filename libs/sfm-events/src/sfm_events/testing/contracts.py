"""What every transport must do, for whoever brings one.

A class of tests inherits the suites that apply and gives the fixture they name, with a topic of
its own per test:

    class TestMine(SourceContract, SharingContract, ProducerContract):
        @pytest.fixture
        async def wire(self) -> AsyncIterator[PartitionedWire]: ...
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import anyio
import pytest

from sfm_core.errors import InvalidInput
from sfm_events.codec import MAX_EVENT_BYTES
from sfm_events.ports import Message, Partition, Producer, Record, Source

PATIENCE_S: Final = 20.0
"""What a transport may take for anything; a sound one takes a fraction."""
_SKEW: Final = timedelta(minutes=1)


class Wire(Protocol):
    """One topic of a transport that nobody else uses."""

    async def fill(self, count: int) -> None:
        """Publish so many records."""
        ...

    def member(self, group: str) -> AbstractAsyncContextManager[Source]:
        """A new member of a group that reads the topic from its beginning; left in order."""
        ...


class PartitionedWire(Wire, Protocol):
    """One with several partitions and a producer."""

    topic: str
    partitions: int
    """At least 2."""
    producer: Producer


type Place = tuple[Partition, int]


async def taken(source: Source, count: int, *, limit: int = 100) -> list[Record]:
    """So many next records, in the order in which they came."""
    found: list[Record] = []
    with anyio.fail_after(PATIENCE_S):
        while len(found) < count:
            fetched = await source.fetch(limit=min(limit, count - len(found)), wait_s=0.2)
            found += [record for records in fetched.values() for record in records]
    return found


async def settled(met: Callable[[], bool], sources: Iterable[Source]) -> None:
    """Wait until the members of a group have shared out what there is; gives records of none."""
    with anyio.fail_after(PATIENCE_S):
        while not met():
            for source in sources:
                source.pause(source.owned())
                fetched = await source.fetch(limit=1, wait_s=0.05)
                for partition, records in fetched.items():  # just assigned, not paused yet
                    source.rewind(partition, records[0].offset)
    for source in sources:
        source.resume(source.owned())


def places(records: Iterable[Record]) -> list[Place]:
    return [(record.partition, record.offset) for record in records]


def nexts(records: Iterable[Record]) -> Mapping[Partition, int]:
    """What to commit for records that were handled."""
    return {record.partition: record.offset + 1 for record in records}


def check_in_order(records: Sequence[Record]) -> None:
    """Each partition's one after the other, none left out, none twice."""
    by_partition: defaultdict[Partition, list[int]] = defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record.offset)
    for offsets in by_partition.values():
        assert offsets == sorted(set(offsets))


class SourceContract:
    """One member at a time, of any transport."""

    async def test_records_come_once_and_in_order(self, wire: Wire) -> None:
        await wire.fill(7)
        async with wire.member("g") as source:
            found = await taken(source, 7, limit=3)
            assert await source.fetch(limit=10, wait_s=0.05) == {}
        assert len(set(places(found))) == 7
        check_in_order(found)

    async def test_a_fetch_gives_no_more_than_its_limit(self, wire: Wire) -> None:
        await wire.fill(5)
        async with wire.member("g") as source:
            await settled(lambda: bool(source.owned()), [source])
            for _ in range(5):
                fetched = await source.fetch(limit=2, wait_s=0.2)
                assert sum(len(records) for records in fetched.values()) <= 2

    async def test_what_comes_while_a_member_waits_is_given_to_it(self, wire: Wire) -> None:
        async with wire.member("g") as source, anyio.create_task_group() as tasks:
            tasks.start_soon(wire.fill, 1)
            assert len(await taken(source, 1)) == 1

    async def test_what_was_not_committed_comes_again(self, wire: Wire) -> None:
        await wire.fill(4)
        async with wire.member("g") as source:
            first = await taken(source, 4)
            await source.commit(nexts([one for one in first if one.offset == 0]))
        async with wire.member("g") as source:
            again = await taken(source, sum(one.offset > 0 for one in first))
        assert set(places(again)) == {place for place in places(first) if place[1] > 0}

    async def test_what_was_committed_does_not_come_again(self, wire: Wire) -> None:
        await wire.fill(4)
        async with wire.member("g") as source:
            assert not await source.commit(nexts(await taken(source, 4)))
        async with wire.member("g") as source:
            await settled(lambda: bool(source.owned()), [source])
            assert await source.fetch(limit=10, wait_s=0.2) == {}
            await wire.fill(1)
            assert len(await taken(source, 1)) == 1

    async def test_groups_read_for_themselves(self, wire: Wire) -> None:
        await wire.fill(3)
        async with wire.member("one") as source:
            first = await taken(source, 3)
            await source.commit(nexts(first))
        async with wire.member("two") as source:
            assert set(places(await taken(source, 3))) == set(places(first))

    async def test_a_paused_partition_gives_nothing_and_stays(self, wire: Wire) -> None:
        await wire.fill(2)
        async with wire.member("g") as source:
            await taken(source, 2)
            owned = set(source.owned())
            source.pause(owned)
            await wire.fill(3)
            for _ in range(3):
                assert await source.fetch(limit=10, wait_s=0.1) == {}
            assert set(source.owned()) == owned
            source.resume(owned)
            assert len(await taken(source, 3)) == 3

    async def test_what_a_fetch_left_behind_is_paused_too(self, wire: Wire) -> None:
        """A transport may have it in memory already."""
        await wire.fill(6)
        async with wire.member("g") as source:
            await taken(source, 1, limit=1)
            source.pause(source.owned())
            assert await source.fetch(limit=10, wait_s=0.1) == {}
            source.resume(source.owned())
            assert len(await taken(source, 5)) == 5

    async def test_a_rewound_partition_gives_the_same_again(self, wire: Wire) -> None:
        await wire.fill(4)
        async with wire.member("g") as source:
            first = await taken(source, 4)
            for partition in {one.partition for one in first}:
                source.rewind(partition, 0)
            assert sorted(places(await taken(source, 4))) == sorted(places(first))
            source.rewind(Partition("somewhere else", 0), 0)

    async def test_the_lag_is_what_was_not_fetched(self, wire: Wire) -> None:
        await wire.fill(5)
        async with wire.member("g") as source:
            await taken(source, 2)
            with anyio.fail_after(PATIENCE_S):
                while sum((await source.lags()).values()) != 3:  # noqa: ASYNC110 - a server's
                    await anyio.sleep(0.02)
            await taken(source, 3)
            assert sum((await source.lags()).values()) == 0

    async def test_a_record_says_when_it_was_taken(self, wire: Wire) -> None:
        await wire.fill(1)
        async with wire.member("g") as source:
            [found] = await taken(source, 1)
        assert abs(datetime.now(UTC) - found.at) < _SKEW


class SharingContract:
    """Several members of a group, several partitions."""

    async def test_members_share_the_partitions(self, wire: PartitionedWire) -> None:
        async with wire.member("g") as one, wire.member("g") as other:
            await settled(lambda: _are_shared(wire, [one, other]), [one, other])
            await wire.fill(40)
            found = await _taken_by([one, other], 40)
        assert all(found)
        assert not {r.partition for r in found[0]} & {r.partition for r in found[1]}

    async def test_a_member_that_leaves_hands_on(self, wire: PartitionedWire) -> None:
        await wire.fill(20)
        async with wire.member("g") as stays:
            async with AsyncExitStack() as stack:
                leaves = await stack.enter_async_context(wire.member("g"))
                await settled(lambda: _are_shared(wire, [stays, leaves]), [stays, leaves])
                theirs = await _some_of(leaves)
                await leaves.commit(nexts(theirs[:1]))
            await settled(lambda: len(stays.owned()) == wire.partitions, [stays])
            found = await taken(stays, 19)
        assert set(places(found)).isdisjoint(places(theirs[:1]))
        assert len({*places(found), *places(theirs[:1])}) == 20

    async def test_what_was_lost_meanwhile_is_told_and_not_committed(
        self, wire: PartitionedWire
    ) -> None:
        await wire.fill(20)
        async with wire.member("g") as first:
            held = await taken(first, 20)
            async with wire.member("g") as second:
                await settled(lambda: _are_shared(wire, [first, second]), [first, second])
                lost = set(second.owned())
                told = await first.commit(nexts(held))
                assert set(told) == {one.partition for one in held} & lost
                again = await taken(second, sum(one.partition in lost for one in held))
        assert set(places(again)) == {place for place in places(held) if place[0] in lost}


class ProducerContract:
    """What is sent is what comes."""

    async def test_a_message_comes_as_it_was_sent(self, wire: PartitionedWire) -> None:
        headers = (("traceparent", b"00-aa-bb-01"), ("odd", b"\x00\xff"), ("odd", b""))
        sent = Message(topic=wire.topic, key=b"k", value=b'{"a":1}\x00\xff', headers=headers)
        await wire.producer.send([sent])
        async with wire.member("g") as source:
            [found] = await taken(source, 1)
        assert (found.key, found.value) == (sent.key, sent.value)
        assert found.headers == headers

    async def test_messages_of_one_key_stay_in_order(self, wire: PartitionedWire) -> None:
        keys = [b"a", b"b", b"c", b"d", b"e"]
        for begin in range(0, 100, 20):
            await wire.producer.send(
                [
                    Message(topic=wire.topic, key=keys[n % 5], value=str(n).encode())
                    for n in range(begin, begin + 20)
                ]
            )
        async with wire.member("g") as source:
            found = await taken(source, 100)
        assert len({one.partition for one in found}) > 1
        for key in keys:
            numbers = [int(one.value or b"") for one in found if one.key == key]
            assert numbers == sorted(numbers)
            assert len({one.partition for one in found if one.key == key}) == 1

    async def test_an_event_of_the_greatest_size_passes(self, wire: PartitionedWire) -> None:
        value = b"x" * MAX_EVENT_BYTES
        headers = (("sfm-reason", b"r" * 1000),)
        await wire.producer.send(
            [Message(topic=wire.topic, key=b"k", value=value, headers=headers)]
        )
        async with wire.member("g") as source:
            [found] = await taken(source, 1)
        assert found.value == value

    async def test_a_message_that_is_too_large_is_refused(self, wire: PartitionedWire) -> None:
        message = Message(topic=wire.topic, key=b"k", value=b"x" * (8 * MAX_EVENT_BYTES))
        with pytest.raises(InvalidInput):
            await wire.producer.send([message])

    async def test_sending_nothing_is_nothing(self, wire: PartitionedWire) -> None:
        await wire.producer.send([])


def _are_shared(wire: PartitionedWire, members: Collection[Source]) -> bool:
    owned = [set(member.owned()) for member in members]
    return all(owned) and sum(len(one) for one in owned) == wire.partitions


async def _some_of(source: Source) -> list[Record]:
    with anyio.fail_after(PATIENCE_S):
        while True:
            fetched = await source.fetch(limit=5, wait_s=0.2)
            if fetched:
                return [record for records in fetched.values() for record in records]


async def _taken_by(sources: Sequence[Source], count: int) -> list[list[Record]]:
    found: list[list[Record]] = [[] for _ in sources]
    with anyio.fail_after(PATIENCE_S):
        while sum(len(one) for one in found) < count:
            for source, mine in zip(sources, found, strict=True):
                fetched = await source.fetch(limit=count, wait_s=0.1)
                mine += [record for records in fetched.values() for record in records]
    return found
