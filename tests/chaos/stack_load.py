"""Clients of a stack's API and foreign producers at work, and the check of all they did."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio
import httpx
from aiokafka import AIOKafkaProducer

from tests.chaos.foreign_load import ForeignActor, check_foreign
from tests.chaos.mixed_load import Actor, Progress, check, check_digests
from tests.chaos.stack_truth import Truth
from tests.servers.stack import Stack

ACTORS = 4
FOREIGN = 2
SOME = 60
PATIENCE_S = 180.0
PAUSE_S = 0.02
"""Of an actor of the API: what a few clients do, not all that the machine can."""


@dataclass
class Load:
    stack: Stack
    namespace: str
    client: httpx.AsyncClient
    progress: Progress = field(default_factory=Progress)
    published: Progress = field(default_factory=Progress)
    """Of the foreign producers."""
    actors: list[Actor] = field(default_factory=list)
    foreign: list[ForeignActor] = field(default_factory=list)

    async def some_more(self, writes: int = SOME) -> None:
        """Until the API acknowledged so many more, and foreigners published a few."""
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(partial(self.progress.some_more, writes, within_s=PATIENCE_S))
            if self.foreign:
                few = max(1, writes // 10)
                waiting.start_soon(partial(self.published.some_more, few, within_s=PATIENCE_S))

    async def check(self, truth: Truth) -> None:
        """Everything is as those who wrote it know it, on every surface; nobody writes any more.

        Acknowledged writes are all there and there once, versions are in order, what was deleted
        is gone, the stores agree, each event went out, and none was given up.
        """
        took_s = await truth.at_rest()
        print(f"at rest after {took_s:.1f} s; API {self.progress}; foreign {self.published}")
        assert await check(self.client, self.actors)
        await check_digests(self.client, self.namespace)
        namespaces = [self.namespace]
        if self.foreign:
            foreign = self.foreign[0].namespace
            assert await check_foreign(self.client, self.foreign)
            await check_digests(self.client, foreign)
            namespaces.append(foreign)
            told = set[str]().union(*(actor.event_ids for actor in self.foreign))
            assert told <= await truth.logged(foreign)
        if not truth.lost_broker:
            published = await truth.published()
            for namespace in namespaces:
                assert await truth.logged(namespace) <= published
        assert await truth.dead_letters() == []


@asynccontextmanager
async def under_load(
    truth: Truth, namespace: str, seed: int, *, actors: int = ACTORS, foreign: int = FOREIGN
) -> AsyncGenerator[Load]:
    """A load that runs while the block does; behind it everything is checked (`Load.check`).

    The namespace, and `<namespace>.foreign`, are nobody else's.
    """
    stack = truth.stack
    limits = httpx.Limits(max_connections=2 * actors)
    async with (
        httpx.AsyncClient(
            base_url=stack.endpoints.api, headers=stack.headers, timeout=30, limits=limits
        ) as client,
        a_producer(stack.endpoints.kafka) as producer,
    ):
        stopping = anyio.Event()
        load = Load(stack, namespace, client)
        for number in range(actors):
            ours = Actor(client, load.progress, number, seed, namespace=namespace, pause_s=PAUSE_S)
            load.actors.append(ours)
        for number in range(foreign):
            other = f"{namespace}.foreign"
            theirs = ForeignActor(producer, load.published, number, seed, namespace=other)
            load.foreign.append(theirs)
        async with anyio.create_task_group() as tasks:
            for actor in load.actors:
                tasks.start_soon(actor.run, stopping)
            for foreigner in load.foreign:
                tasks.start_soon(foreigner.run, stopping)
            yield load
            stopping.set()
        await load.check(truth)


@asynccontextmanager
async def a_producer(bootstrap: str) -> AsyncGenerator[AIOKafkaProducer]:
    """Somebody else's: it repeats what it had no answer to, and does not mind to be late."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=3000)
    try:
        await producer.start()
        yield producer
    finally:
        with anyio.move_on_after(5, shield=True):
            await producer.stop()
