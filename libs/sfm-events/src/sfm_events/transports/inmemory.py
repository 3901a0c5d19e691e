"""The transport in memory: topics, partitions, groups, and what goes wrong with them on purpose."""

import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, final

import anyio
import anyio.lowlevel

from sfm_core.errors import InvalidInput, TooLarge, Unavailable
from sfm_events.ports import Message, Partition, Record

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
_DOWN: Final = "the broker does not answer"


@dataclass(slots=True)
class _Group:
    topics: tuple[str, ...]
    members: list["InMemorySource"] = field(default_factory=list)
    owners: dict[Partition, "InMemorySource"] = field(default_factory=dict)
    committed: dict[Partition, int] = field(default_factory=dict)


@final
class InMemoryBroker:
    """Topics for tests and trials; nothing survives the process.

    What goes wrong with a real broker goes wrong here when told: `is_down`, `copies`, `rebalance`,
    `expel`, `forget`.
    """

    def __init__(self) -> None:
        self.is_down = False
        """While true, every call raises `Unavailable`."""
        self.copies = 1
        """How often each message is stored: a producer that tried again."""
        self._topics: dict[str, list[list[Record]]] = {}
        self._groups: dict[str, _Group] = {}
        self.changed = anyio.Event()

    def create(self, topic: str, *, partitions: int = 1) -> None:
        self._topics.setdefault(topic, [[] for _ in range(partitions)])

    def records(self, topic: str) -> Sequence[Record]:
        """Everything on a topic, partition by partition."""
        return [record for partition in self._topics.get(topic, []) for record in partition]

    def log(self, partition: Partition) -> Sequence[Record]:
        return self._topics[partition.topic][partition.number]

    def committed(self, group: str) -> Mapping[Partition, int]:
        """Where a group would go on."""
        return dict(self._groups[group].committed)

    def append(self, topic: str, key: bytes | None, value: bytes | None) -> Record:
        """Publish as somebody does who keeps to nothing."""
        return self._append(topic, key, value, ())

    def publish(self, messages: Sequence[Message]) -> None:
        """Store each of them `copies` times.

        Raises:
            InvalidInput: one is too large, or for a topic that is not; none is stored.
        """
        for message in messages:
            if message.topic not in self._topics:
                raise InvalidInput(f"there is no topic {message.topic}")
            if len(message.value) > MAX_MESSAGE_BYTES:
                raise TooLarge(f"the message has more than {MAX_MESSAGE_BYTES} bytes")
        for message in messages:
            for _ in range(self.copies):
                self._append(message.topic, message.key, message.value, message.headers)

    def join(self, group: str, *topics: str) -> "InMemorySource":
        """A new member of a group; the partitions are dealt anew."""
        found = self._groups.setdefault(group, _Group(topics))
        member = InMemorySource(self, group)
        found.members.append(member)
        self.rebalance(group)
        return member

    def leave(self, group: str, member: "InMemorySource") -> None:
        found = self._groups[group]
        if member in found.members:
            found.members.remove(member)
            self.rebalance(group)

    def expel(self, group: str, member: "InMemorySource") -> None:
        """The group gives the member up, which learns of it when it next commits or fetches."""
        found = self._groups[group]
        found.members.remove(member)
        self._deal(found)
        self._tell()

    def rebalance(self, group: str) -> None:
        """Take all partitions from their owners and deal them; each is told at once.

        Also who gets a partition back begins behind what was committed.
        """
        found = self._groups[group]
        self._deal(found)
        for member in found.members:
            member.assign(self._owned(found, member))
        self._tell()

    def reassign(self, group: str, member: "InMemorySource") -> None:
        """What a member that was expelled does when it finds out."""
        self._groups[group].members.append(member)
        self.rebalance(group)

    def owns(self, group: str, member: "InMemorySource", partition: Partition) -> bool:
        return self._groups[group].owners.get(partition) is member

    def is_member(self, group: str, member: "InMemorySource") -> bool:
        return member in self._groups[group].members

    def commit(self, group: str, partition: Partition, following: int) -> None:
        self._groups[group].committed[partition] = following

    def forget(self, topic: str) -> None:
        """The broker comes back empty; groups still know their offsets."""
        self._topics[topic] = [[] for _ in self._topics[topic]]

    def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...],
    ) -> Record:
        partitions = self._topics[topic]
        number = zlib.crc32(key or b"") % len(partitions)
        record = Record(
            partition=Partition(topic, number),
            offset=len(partitions[number]),
            key=key,
            value=value,
            headers=headers,
            at=datetime.now(UTC),
        )
        partitions[number].append(record)
        self._tell()
        return record

    def _deal(self, group: _Group) -> None:
        every = [
            Partition(topic, number)
            for topic in group.topics
            for number in range(len(self._topics[topic]))
        ]
        members = group.members
        group.owners = (
            {one: members[i % len(members)] for i, one in enumerate(every)} if members else {}
        )

    def _owned(self, group: _Group, member: "InMemorySource") -> dict[Partition, int]:
        return {
            partition: group.committed.get(partition, 0)
            for partition, owner in group.owners.items()
            if owner is member
        }

    def _tell(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()


@final
class InMemoryProducer:
    """Implements `Producer`."""

    def __init__(self, broker: InMemoryBroker) -> None:
        self._broker = broker

    async def send(self, messages: Sequence[Message]) -> None:
        await anyio.lowlevel.checkpoint()
        if self._broker.is_down:
            raise Unavailable(_DOWN)
        self._broker.publish(messages)


@final
class InMemorySource:
    """Implements `Source`; made by `InMemoryBroker.join`."""

    def __init__(self, broker: InMemoryBroker, group: str) -> None:
        self._broker = broker
        self._group = group
        self._next: dict[Partition, int] = {}
        self._paused: set[Partition] = set()

    def assign(self, begins: Mapping[Partition, int]) -> None:
        """What the broker says is this member's from now on."""
        self._next = dict(begins)
        self._paused &= begins.keys()

    async def leave(self) -> None:
        """Leave the group in order."""
        await anyio.lowlevel.checkpoint()
        self._broker.leave(self._group, self)
        self._next.clear()

    async def fetch(self, *, limit: int, wait_s: float) -> Mapping[Partition, Sequence[Record]]:
        await anyio.lowlevel.checkpoint()
        with anyio.move_on_after(wait_s):
            while True:
                changed = self._broker.changed
                found = self._take(limit)
                if found:
                    return found
                await changed.wait()
        return {}

    async def commit(self, nexts: Mapping[Partition, int]) -> Collection[Partition]:
        await anyio.lowlevel.checkpoint()
        self._check()
        lost: set[Partition] = set()
        for partition, following in nexts.items():
            if self._broker.owns(self._group, self, partition):
                self._broker.commit(self._group, partition, following)
            else:
                lost.add(partition)
                self._next.pop(partition, None)
        return lost

    def owned(self) -> Collection[Partition]:
        return frozenset(self._next)

    def pause(self, partitions: Collection[Partition]) -> None:
        self._paused |= self._next.keys() & set(partitions)

    def resume(self, partitions: Collection[Partition]) -> None:
        self._paused -= set(partitions)

    def rewind(self, partition: Partition, offset: int) -> None:
        if partition in self._next:
            self._next[partition] = offset

    async def lags(self) -> Mapping[Partition, int]:
        await anyio.lowlevel.checkpoint()
        self._check()
        return {
            partition: max(0, len(self._broker.log(partition)) - following)
            for partition, following in self._next.items()
        }

    def _take(self, limit: int) -> Mapping[Partition, Sequence[Record]]:
        self._check()
        if not self._broker.is_member(self._group, self):
            self._broker.reassign(self._group, self)
        found: defaultdict[Partition, Sequence[Record]] = defaultdict(list)
        for partition, following in sorted(self._next.items()):
            if partition in self._paused or not limit:
                continue
            log = self._broker.log(partition)
            begin = following if following <= len(log) else 0
            taken = log[begin : begin + limit]
            if taken:
                found[partition] = taken
                self._next[partition] = taken[-1].offset + 1
                limit -= len(taken)
        return found

    def _check(self) -> None:
        if self._broker.is_down:
            raise Unavailable(_DOWN)
