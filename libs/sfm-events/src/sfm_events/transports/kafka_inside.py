"""The end of aiokafka's clients in bounded time, and what they know of their group.

Their own `stop()` waits for the brokers: to take what a producer still holds, to be told that a
member leaves. While no broker answers it does not return. What this project knows of aiokafka's
inside (0.14) is known here and nowhere else.
"""

# ruff: noqa: SLF001

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ProducerClosed

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Life:
    """As whom, and in which round of assignments, a consumer is a member of its group."""

    member: str = ""
    round: int = -1

    def follows(self, other: "Life") -> bool:
        """Whether no round was missed in between: what was owned in both, nobody else had."""
        is_same = bool(self.member) and self.member == other.member
        return is_same and self.round - other.round in (0, 1)


type _Tasks = Iterable["asyncio.Task[Any] | None"]


async def end_producer(client: AIOKafkaProducer, *, within_s: float) -> None:
    """Send what it still holds, for so long at most; then as `drop_producer`."""
    if not await _ended(client.stop, within_s):
        _cut(client.client, [client._sender.sender_task])
        _forget(client)


async def drop_producer(client: AIOKafkaProducer, *, within_s: float) -> None:
    """Forget what it holds: nothing of it is sent from now on but what is on its way."""
    _hang_up(client.client)
    # The sender first: what comes back to it from a broken connection must find its place.
    await _ended(client._sender.close, within_s)
    _forget(client)
    await end_producer(client, within_s=within_s)


async def end_consumer(client: AIOKafkaConsumer, *, within_s: float) -> None:
    """Leave the group, if that can be done in so long."""
    if not await _ended(client.stop, within_s):
        _cut(client._client, _tasks_of(client))


async def drop_consumer(client: AIOKafkaConsumer, *, within_s: float) -> None:
    """End it as one that gets no answers any more."""
    _hang_up(client._client)
    await end_consumer(client, within_s=within_s)


def is_in_touch(client: AIOKafkaConsumer) -> bool:
    """Whether the group's coordinator is known: it is forgotten when a heartbeat fails."""
    return client._coordinator is None or client._coordinator.coordinator_id is not None


def is_broken(client: AIOKafkaConsumer) -> bool:
    """Whether one of its tasks has ended by itself: nobody would say so, it just gives nothing
    more, and its heartbeats keep its partitions from everybody else.
    """
    tasks = (client._fetcher._fetch_task, client._client._sync_task)
    return any(task is None or task.done() for task in tasks)


def life_of(client: AIOKafkaConsumer) -> Life:
    return Life(client._coordinator.member_id, client._coordinator.generation)


def leaders_of(
    client: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Which broker leads each, as last heard; those that have none are left out."""
    cluster = client._client.cluster
    leaders = {one: cluster.leader_for_partition(one) for one in partitions}
    return {one: leader for one, leader in leaders.items() if leader is not None and leader >= 0}


async def _ended(end: Callable[[], Coroutine[Any, Any, None]], within_s: float) -> bool:
    """Whether it came to its end in time; never raises.

    In a task of its own: aiokafka waits for tasks that it has cancelled, and lets their
    cancellation out as if it were its caller's, whose task group would then end in silence.
    """
    task = asyncio.ensure_future(end())
    with anyio.move_on_after(within_s, shield=True):
        await asyncio.wait([task])
    if not task.done():
        task.cancel()
        return False
    if task.cancelled() or task.exception() is not None:  # who used it was told already
        _LOG.debug("kafka.stopped_badly")
        return False
    return True


def _forget(client: AIOKafkaProducer) -> None:
    """Whoever waits for it to be delivered gets an error."""
    held = client._message_accumulator
    batches = [*held._pending_batches, *chain.from_iterable(held._batches.values())]
    held._pending_batches.update(batches)  # which a batch that waits for its next try has left
    held.fail_all(ProducerClosed())
    for batch in batches:
        if batch._drain_waiter.done():
            batch._drain_waiter.exception()  # nobody asks, and the loop would report it


def _hang_up(client: AIOKafkaClient) -> None:
    """Close its connections at once; whoever waits for a reply gets an error."""
    for connection in list(client._conns.values()):
        connection.close()


def _cut(client: AIOKafkaClient, tasks: _Tasks) -> None:
    """End what `stop` would have ended; nobody waits for it."""
    for task in [*tasks, client._sync_task]:
        if task is not None and not task.done():
            task.cancel()
    _hang_up(client)


def _tasks_of(client: AIOKafkaConsumer) -> _Tasks:
    if client._coordinator is not None:
        yield getattr(client._coordinator, "_coordination_task", None)
        yield getattr(client._coordinator, "_heartbeat_task", None)
        yield getattr(client._coordinator, "_commit_refresh_task", None)
    if client._fetcher is not None:
        yield client._fetcher._fetch_task
