"""Numbered messages through a Kafka that things happen to, and what came of them."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio

from sfm_core.errors import Unavailable
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.ports import Message, Partition, Producer, Record, Source
from sfm_events.transports.kafka_connection import KafkaConnection

WAIT_S = 60.0


async def connection_to(bootstrap: str) -> KafkaConnection:
    servers = tuple(bootstrap.split(","))
    return await KafkaConnection.of(KafkaSettings(kafka_bootstrap_servers=servers))


def numbered(topic: str, *numbers: int) -> list[Message]:
    """Each number as a message whose key is its last digit."""
    return [
        Message(topic=topic, key=b"%d" % (number % 10), value=b"%d" % number) for number in numbers
    ]


@dataclass
class Traffic:
    """A relay that sends again what it does not know to be published, and a consumer that commits
    what it has seen.
    """

    topic: str
    producer: Producer
    source: Source
    batch: int = 20
    acknowledged: list[int] = field(default_factory=list)
    """Numbers whose `send` returned, in order."""
    seen: list[tuple[Partition, int, int]] = field(default_factory=list)
    """Partition, offset and number of every record that was fetched."""
    committed: dict[Partition, int] = field(default_factory=dict)
    again: int = 0
    """Records fetched anew although their offset was committed."""
    failed_sends: int = 0
    failed_fetches: int = 0
    is_sending: bool = True
    has_stopped: bool = False
    """Whether the last message is on its way and acknowledged."""
    is_held: bool = False
    """While true nothing is sent."""

    async def send(self) -> None:
        number = 0
        while self.is_sending:
            if self.is_held:
                await anyio.sleep(0.05)
                continue
            some = range(number, number + self.batch)
            try:
                await self.producer.send(numbered(self.topic, *some))
            except Unavailable:
                self.failed_sends += 1
                await anyio.sleep(0.1)
                continue
            self.acknowledged.extend(some)
            number += self.batch
            await anyio.sleep(0.01)
        self.has_stopped = True

    async def read(self) -> None:
        while True:
            try:
                given = await self.source.fetch(limit=200, wait_s=0.2)
            except Unavailable:
                self.failed_fetches += 1
                await anyio.sleep(0.1)
                continue
            await self._commit(given)

    async def _commit(self, given: Mapping[Partition, Sequence[Record]]) -> None:
        nexts = {partition: records[-1].offset + 1 for partition, records in given.items()}
        for partition, records in given.items():
            for one in records:
                self.again += one.offset < self.committed.get(partition, 0)
                self.seen.append((partition, one.offset, int(one.value or b"-1")))
        with suppress(Unavailable):
            lost = await self.source.commit(nexts)
            self.committed |= {p: offset for p, offset in nexts.items() if p not in lost}

    def numbers(self) -> set[int]:
        return {number for _, _, number in self.seen}

    async def until(self, condition: Callable[[], bool]) -> None:
        with anyio.fail_after(WAIT_S):
            while not condition():  # noqa: ASYNC110 - of servers
                await anyio.sleep(0.02)

    async def until_acknowledged(self, more: int) -> None:
        """Until so many more messages were acknowledged."""
        due = len(self.acknowledged) + more
        await self.until(lambda: len(self.acknowledged) >= due)

    async def settle(self) -> None:
        """Stop sending, and wait until all that was acknowledged was seen."""
        self.is_sending = False
        await self.until(lambda: self.has_stopped)
        await self.until(lambda: self.numbers() >= set(self.acknowledged))

    @asynccontextmanager
    async def flowing(self) -> AsyncGenerator["Traffic"]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.send)
            tasks.start_soon(self.read)
            yield self
            tasks.cancel_scope.cancel()
