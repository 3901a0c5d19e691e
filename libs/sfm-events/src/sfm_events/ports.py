"""What the relay and the consumer loop ask of a transport, with the guarantees they rest on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sfm_core.errors import SfmError
from sfm_events.event import MemoryEvent

type Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A part of a topic that one member of a group reads, in order."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is published."""

    topic: str
    key: bytes
    """Messages of one key stay in order."""
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was published, as a consumer gets it."""

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    at: datetime
    """When the transport took it, by its own clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A record whose bytes are a valid event."""

    record: Record
    event: MemoryEvent


class Producer(Protocol):
    """Publishes for good."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Publish all, those of one key in the given order; durable when this returns.

        Raises:
            Unavailable: the transport does not answer in time. Any of them may have been
                published, or be yet: sending again may repeat them, and consumers do not mind.
            TooLarge: a message is larger than its topic takes; none or some were published.
            InvalidInput: the topic refuses one otherwise; which is said.
        """
        ...


class Source(Protocol):
    """One member of a consumer group. Used by one task."""

    async def fetch(self, *, limit: int, wait_s: float) -> Mapping[Partition, Sequence[Record]]:
        """At most `limit` next records of partitions that are owned and not paused, each once.

        Empty when nothing came for `wait_s`. Those of a partition are in order and follow on the
        last ones given; after a (re)assignment they begin behind what was committed.

        Raises:
            Unavailable: the transport does not answer.
        """
        ...

    async def commit(self, nexts: Mapping[Partition, int]) -> Collection[Partition]:
        """Let the group go on from these offsets, should this member be gone; durable.

        Gives the partitions that were lost meanwhile: nothing was committed for them, their
        records are another member's now, and what is held of them is to be dropped.

        Raises:
            Unavailable: the transport does not answer; whether it was committed is unknown.
        """
        ...

    def owned(self) -> Collection[Partition]:
        """What this member reads at the moment."""
        ...

    def pause(self, partitions: Collection[Partition]) -> None:
        """Give no records of these until they are resumed; they stay owned, the member alive."""
        ...

    def resume(self, partitions: Collection[Partition]) -> None: ...

    def rewind(self, partition: Partition, offset: int) -> None:
        """Give the records from this offset on (again) next; nothing when it is not owned."""
        ...

    async def lags(self) -> Mapping[Partition, int]:
        """How many records behind the last fetched one there are, per owned partition.

        Raises:
            Unavailable: the transport does not answer.
        """
        ...


class Poison(SfmError):
    """Some of a batch can never succeed; nothing of the batch was made durable.

    `offenders` names those that are certain, with a reason each; when it is empty, only a
    smaller batch can show which.
    """

    def __init__(self, detail: str, /, *, offenders: Mapping[int, str] | None = None) -> None:
        """`offenders`: reason by index in the batch."""
        super().__init__(detail)
        self.offenders: Mapping[int, str] = dict(offenders or {})


class Handler(Protocol):
    """What a service does with events."""

    async def handle(self, events: Sequence[Delivered]) -> None:
        """Make the effects of all of them; durable when this returns, and harmless to repeat.

        Raises:
            Unavailable: something it needs is down; the same batch comes again later.
            Poison: some can never succeed; the others come again without them.
        """
        ...
