"""A consumer under test: a broker, a handler that fails when told, and loops over both."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import anyio
import anyio.lowlevel

from sfm_core.errors import Unavailable
from sfm_core.testing.fakes import RecordingTelemetry
from sfm_events.codec import encode, key_of
from sfm_events.dead_letters import dlq_of, said_of
from sfm_events.event import MemoryEvent
from sfm_events.loop import ConsumerLoop
from sfm_events.policy import LoopPolicy
from sfm_events.ports import Delivered, Message, Partition, Poison, Record, Source
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer

TOPIC = "memory.events"
GROUP = "sfm.test"
QUICK = LoopPolicy(
    max_records=20,
    poll_s=0.005,
    first_backoff_s=0.001,
    max_backoff_s=0.004,
    drain_s=2.0,
    dlq_limit=100,
    lags_every_s=0.0,
)


@dataclass
class Effects:
    """A `Handler` whose effects are what it was given; all of a batch or none."""

    is_down: bool = False
    poison: set[UUID] = field(default_factory=set)
    names_offenders: bool = False
    crashes: bool = False
    made: list[Record] = field(default_factory=list)
    tried: int = 0
    sizes: list[int] = field(default_factory=list)

    async def handle(self, events: Sequence[Delivered]) -> None:
        self.tried += 1
        await anyio.lowlevel.checkpoint()
        if self.is_down:
            raise Unavailable("the store does not answer")
        bad = [i for i, one in enumerate(events) if one.event.event_id in self.poison]
        if bad and self.crashes:
            raise KeyError("a bug")
        if bad:
            raise Poison(
                "some are wrong",
                offenders=dict.fromkeys(bad, "wrong") if self.names_offenders else None,
            )
        self.sizes.append(len(events))
        self.made += [one.record for one in events]

    def values(self) -> list[bytes | None]:
        return [record.value for record in self.made]


@dataclass
class Bench:
    """Everything of one test."""

    partitions: int = 1
    effects: Effects = field(default_factory=Effects)
    broker: InMemoryBroker = field(default_factory=InMemoryBroker)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)

    def __post_init__(self) -> None:
        self.broker.create(TOPIC, partitions=self.partitions)
        self.broker.create(dlq_of(TOPIC))
        self.producer = InMemoryProducer(self.broker)

    def publish(self, *events: MemoryEvent) -> None:
        self.broker.publish(
            [Message(topic=TOPIC, key=key_of(one), value=encode(one)) for one in events]
        )

    def loop(self, source: Source, policy: LoopPolicy = QUICK) -> ConsumerLoop:
        return ConsumerLoop(
            name="test",
            source=source,
            handler=self.effects,
            producer=self.producer,
            policy=policy,
            telemetry=self.telemetry,
        )

    @asynccontextmanager
    async def running(self, policy: LoopPolicy = QUICK) -> AsyncGenerator[ConsumerLoop]:
        """A member of the group at work; stopped in order at the end."""
        source = self.broker.join(GROUP, TOPIC)
        loop, stopping = self.loop(source, policy), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loop.run, stopping)
            try:
                yield loop
            finally:
                stopping.set()
        await source.leave()

    def dead(self) -> dict[tuple[str, int, int], str]:
        """Reasons of the dead letters, by where the record was."""
        return {
            (said["topic"], int(said["partition"]), int(said["offset"])): said["reason"]
            for said in map(said_of, self.broker.records(dlq_of(TOPIC)))
        }

    def committed(self, number: int = 0) -> int:
        return self.broker.committed(GROUP).get(Partition(TOPIC, number), 0)

    @property
    def is_at_rest(self) -> bool:
        """Everything on the topic is committed."""
        return all(
            self.committed(number) == len(self.broker.log(Partition(TOPIC, number)))
            for number in range(self.partitions)
        )


async def until(met: Callable[[], bool], *, within_s: float = 10.0) -> None:
    with anyio.fail_after(within_s):
        while not met():  # noqa: ASYNC110 - of anything
            await anyio.sleep(0.001)
