"""Random histories of a consumer group: what may happen happens, and then everything is checked."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio
import anyio.abc

from sfm_core.errors import Unavailable
from sfm_events.judging import Place, place_of
from sfm_events.ports import Delivered, Partition, Record
from sfm_events.transports.inmemory import InMemorySource
from tests.unit.sfm_events.consumers import GROUP, QUICK, TOPIC, Bench, Effects, until
from tests.unit.sfm_events.events import an_event

PARTITIONS = 3
KEYS = 7
STEPS = 40
POLICY = replace(QUICK, dlq_limit=100_000, max_records=9, poll_s=0.002)


@dataclass
class ForgetfulEffects(Effects):
    """Now and then the effect is made and the answer is lost."""

    chance: random.Random | None = None

    async def handle(self, events: Sequence[Delivered]) -> None:
        await super().handle(events)
        if self.chance is not None and self.chance.random() < 0.1:
            raise Unavailable("the answer was lost")


@dataclass
class Member:
    source: InMemorySource
    stopping: anyio.Event
    scope: anyio.CancelScope
    gone: anyio.Event


class History:
    """One history; `run` raises `AssertionError` with the seed where something is wrong."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.effects = ForgetfulEffects(
            names_offenders=self.chance.random() < 0.5,
            crashes=self.chance.random() < 0.3,
            chance=self.chance,
        )
        self.bench = Bench(partitions=PARTITIONS, effects=self.effects)
        self.bad: set[Place] = set()
        self.early: list[str] = []
        self.members: list[Member] = []
        self.version = 0
        self.commit = self.bench.broker.commit
        self.bench.broker.commit = self.checked_commit  # type: ignore[method-assign]

    def checked_commit(self, group: str, partition: Partition, following: int) -> None:
        """What is committed must be done by then."""
        done = {place_of(record) for record in self.effects.made} | self.buried()
        for record in self.bench.broker.log(partition)[:following]:
            if place_of(record) not in done:
                self.early.append(f"{record.partition} {record.offset} is committed too early")
        self.commit(group, partition, following)

    def buried(self) -> set[Place]:
        return {(Partition(topic, number), offset) for topic, number, offset in self.bench.dead()}

    async def run(self) -> None:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                await self.join(tasks)
                for _ in range(STEPS):
                    await self.step(tasks)
                    await anyio.sleep(self.chance.random() * 0.002)
                await self.heal(tasks)
        self.check()

    async def step(self, tasks: anyio.abc.TaskGroup) -> None:
        what = self.chance.choices(
            [self.publish, self.publish_poison, self.publish_nonsense, self.outage, self.away,
             self.rebalance, self.stop, self.kill],
            [40, 8, 6, 12, 8, 8, 5, 5],
        )[0]  # fmt: skip
        if self.chance.random() < 0.1:
            await self.join(tasks)
        await what()

    async def publish(self) -> None:
        self.bench.broker.copies = self.chance.choice([1, 1, 1, 2, 5])
        self.version += 1
        for _ in range(self.chance.randint(1, 8)):
            self.bench.publish(an_event(str(self.chance.randrange(KEYS)), version=self.version))
            self.version += 1

    async def publish_poison(self) -> None:
        self.version += 1
        event = an_event(str(self.chance.randrange(KEYS)), version=self.version)
        self.effects.poison.add(event.event_id)
        self.mark_bad(lambda: self.bench.publish(event))

    async def publish_nonsense(self) -> None:
        key = str(self.chance.randrange(KEYS)).encode()
        value = self.chance.choice([b"{", b"", None, b"[]", b"\xff", b'{"id":1}'])
        self.mark_bad(lambda: self.bench.broker.append(TOPIC, key, value))

    def mark_bad(self, publish: Callable[[], object]) -> None:
        before = {place_of(record) for record in self.bench.broker.records(TOPIC)}
        publish()
        after = {place_of(record) for record in self.bench.broker.records(TOPIC)}
        self.bad |= after - before

    async def outage(self) -> None:
        self.effects.is_down = not self.effects.is_down

    async def away(self) -> None:
        self.bench.broker.is_down = not self.bench.broker.is_down

    async def rebalance(self) -> None:
        self.bench.broker.rebalance(GROUP)

    async def join(self, tasks: anyio.abc.TaskGroup) -> None:
        if len(self.members) >= PARTITIONS:
            return
        member = Member(
            self.bench.broker.join(GROUP, TOPIC), anyio.Event(), anyio.CancelScope(), anyio.Event()
        )
        self.members.append(member)
        tasks.start_soon(self.work, member)

    async def work(self, member: Member) -> None:
        with member.scope:
            await self.bench.loop(member.source, POLICY).run(member.stopping)
            await member.source.leave()
        member.gone.set()

    async def stop(self) -> None:
        """A member leaves in order."""
        if self.members:
            self.members.pop(self.chance.randrange(len(self.members))).stopping.set()

    async def kill(self) -> None:
        """A member is gone at once, and the group finds out."""
        if self.members:
            member = self.members.pop(self.chance.randrange(len(self.members)))
            member.scope.cancel()
            await member.gone.wait()
            with suppress(ValueError):
                self.bench.broker.expel(GROUP, member.source)
                self.bench.broker.rebalance(GROUP)

    async def heal(self, tasks: anyio.abc.TaskGroup) -> None:
        self.effects.is_down = self.bench.broker.is_down = False
        await self.join(tasks)
        await until(lambda: self.bench.is_at_rest, within_s=20)
        for member in self.members:
            member.stopping.set()

    def check(self) -> None:
        assert not self.early, f"seed {self.seed}: {self.early[0]}"
        every = {place_of(record): record for record in self.bench.broker.records(TOPIC)}
        made = {place_of(record) for record in self.effects.made}
        dead = self.buried()
        good = set(every) - self.bad
        assert dead == self.bad, f"seed {self.seed}: dead letters {dead ^ self.bad}"
        assert made == good, f"seed {self.seed}: effects {made ^ good}"
        self.check_order(self.effects.made)

    def check_order(self, made: Sequence[Record]) -> None:
        """Of each key, what was done for the first time was done in order."""
        first: defaultdict[tuple[Partition, bytes | None], dict[int, None]] = defaultdict(dict)
        for record in made:
            first[record.partition, record.key].setdefault(record.offset)
        for offsets in first.values():
            assert list(offsets) == sorted(offsets), f"seed {self.seed}: out of order"


async def check_histories(count: int) -> None:
    for _ in range(count):
        await History(random.randrange(2**32)).run()
