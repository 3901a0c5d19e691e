"""How far a consumer is behind, also while some of its partitions have nobody who could tell."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

import anyio
from aiokafka import AIOKafkaConsumer, TopicPartition

from sfm_core.errors import Unavailable
from sfm_events.transports.kafka_faults import translated
from sfm_events.transports.kafka_inside import leaders_of

ASK_S: Final = 2.0
"""Longest wait for one broker."""


async def ends_of(
    client: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Where each ends for who reads what is committed; as last heard where its broker is away.

    Raises:
        Unavailable: no broker answers in time.
    """
    by_leader: defaultdict[int, list[TopicPartition]] = defaultdict(list)
    leaders = leaders_of(client, partitions)
    for partition, leader in leaders.items():
        by_leader[leader].append(partition)
    ends: dict[TopicPartition, int] = {}
    silent: list[Unavailable] = []

    async def ask(some: list[TopicPartition]) -> None:
        try:
            with translated("say how far it is"), anyio.fail_after(ASK_S):
                ends.update(await client.end_offsets(some))
        except Unavailable as error:
            silent.append(error)

    async with anyio.create_task_group() as tasks:
        for some in by_leader.values() if leaders else [list(partitions)]:
            tasks.start_soon(ask, some)
    if silent and not ends:
        raise silent[0]
    missing = [partition for partition in partitions if partition not in ends]
    return ends | {one: end for one in missing if (end := _last_heard(client, one)) is not None}


async def reached_by(
    client: AIOKafkaConsumer, partition: TopicPartition, following: int | None
) -> int:
    """The offset it goes on at; `following`: behind the last record it was given.

    The marks that end a transaction are no records, and are behind it all the same.

    Raises:
        Unavailable: nobody knows.
    """
    position = following
    with translated("say how far it is"), anyio.fail_after(ASK_S):
        if following is None or partition in client.assignment():
            position = await client.position(partition)
    return max(following or 0, position or 0)


def _last_heard(client: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    if partition not in client.assignment():
        return None
    stable: int | None = client.last_stable_offset(partition)
    return stable if stable is not None and stable >= 0 else None
