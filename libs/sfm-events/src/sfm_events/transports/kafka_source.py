"""One member of a consumer group on Kafka."""

import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, final

import anyio
import anyio.abc
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from sfm_core.errors import Unavailable
from sfm_core.owned import owned_tasks
from sfm_events.ports import Partition, Record
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_faults import translated
from sfm_events.transports.kafka_holdings import Holdings
from sfm_events.transports.kafka_inside import (
    Life,
    drop_consumer,
    end_consumer,
    is_broken,
    is_in_touch,
    life_of,
)
from sfm_events.transports.kafka_lags import ends_of, reached_by
from sfm_events.transports.kafka_membership import Membership, make_consumer
from sfm_events.transports.kafka_topics import Topics

SETTLE_S: Final = 5.0
"""How long a partition is kept back from the group until what was fetched of it is committed."""
COMMIT_S: Final = 5.0
"""Longest wait for a commit."""
START_S: Final = 5.0
STOP_S: Final = 2.0
TOUCH_S: Final = 3.0
"""How long a member may be without its group before it says so."""
MISSING_S: Final = 2.0
"""How often topics that are gone are made."""

_LOG: Final = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@final
class KafkaSource(ConsumerRebalanceListener):
    """Implements `ports.Source`.

    Offsets are committed by name, only for what is still owned; a client that came to an end
    by itself is replaced with the next `fetch`, which reads on from what was committed.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        membership: Membership,
        topics: Topics | None,
        tasks: anyio.abc.TaskGroup,
        *,
        commit_s: float,
    ) -> None:
        self._connection = connection
        self._membership = membership
        self._topics = topics or Topics()
        self._tasks = tasks
        self._commit_s = commit_s
        self._client: AIOKafkaConsumer | None = None
        self._holdings = Holdings()
        self._life = Life()
        self._settled = anyio.Event()
        self._settled.set()
        self._paused: set[Partition] = set()
        self._last_touch = anyio.current_time()
        self._last_made = -MISSING_S

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        connection: KafkaConnection,
        membership: Membership,
        topics: Topics | None = None,
        *,
        commit_s: float = COMMIT_S,
        stop_s: float = STOP_S,
    ) -> AsyncGenerator["KafkaSource"]:
        """A source that joins its group with the first fetch, and makes `topics` if they are
        not there. The end of the block leaves the group, and waits at most `stop_s` for that.
        """
        async with owned_tasks() as tasks:
            source = cls(connection, membership, topics, tasks, commit_s=commit_s)
            try:
                yield source
            finally:
                source._settled.set()
                client, source._client = source._client, None
                if client is not None:
                    await end_consumer(client, within_s=stop_s)

    async def fetch(self, *, limit: int, wait_s: float) -> Mapping[Partition, Sequence[Record]]:
        client = await self._started()
        self._settled.set()
        try:
            polled = await _polled(client, limit, wait_s)
        except Unavailable:
            self._drop(client)
            raise
        given = {
            _named(tp): [_record(one) for one in some]
            for tp, some in polled.items()
            if some and self._holdings.give(_named(tp), some[0].offset, some[-1].offset + 1)
        }
        if given:
            self._settled = anyio.Event()
        else:
            await self._look_after(client)
        return given

    async def commit(self, nexts: Mapping[Partition, int]) -> Collection[Partition]:
        good = {p: offset for p, offset in nexts.items() if self._holdings.may_commit(p, offset)}
        client = self._client
        if client is None or not good:
            return set(nexts)
        try:
            with translated("commit"), anyio.fail_after(self._commit_s):
                await client.commit({_raw(p): offset for p, offset in good.items()})
        except Unavailable as error:
            if not isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                raise
            self._holdings.forfeit(good)
            return set(nexts)
        self._holdings.settle(good)
        if self._holdings.are_settled():
            self._settled.set()
        return nexts.keys() - good.keys()

    def owned(self) -> Collection[Partition]:
        return self._holdings.owned

    def pause(self, partitions: Collection[Partition]) -> None:
        mine = self._holdings.owned.intersection(partitions)
        self._paused |= mine
        self._in_client(mine, AIOKafkaConsumer.pause)

    def resume(self, partitions: Collection[Partition]) -> None:
        self._paused -= set(partitions)
        self._in_client(partitions, AIOKafkaConsumer.resume)

    def rewind(self, partition: Partition, offset: int) -> None:
        if self._holdings.rewind(partition, offset):
            self._in_client([partition], lambda client, raw: client.seek(raw, offset))

    async def lags(self) -> Mapping[Partition, int]:
        client, owned = self._client, self._holdings.owned
        if client is None or not owned:
            return {}
        ends = await ends_of(client, [_raw(partition) for partition in owned])
        found: dict[Partition, int] = {}
        for tp, end in ends.items():
            reached = await reached_by(client, tp, self._holdings.following(_named(tp)))
            found[_named(tp)] = max(0, end - reached)
        return found

    async def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka before the group is joined anew; the member lives on meanwhile.

        What it owns stays the same until the group has decided: it may get it all back.
        """
        with anyio.move_on_after(SETTLE_S):
            await self._settled.wait()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka before it fetches from the new assignment."""
        client = self._client
        if client is None:
            return
        try:
            self._take(client, {_named(tp) for tp in assigned})
        except KafkaError:  # aiokafka would go on, with partitions that nobody here knows of
            _LOG.exception("kafka.not_assigned")
            self._drop(client)

    def _take(self, client: AIOKafkaConsumer, owned: Collection[Partition]) -> None:
        life = life_of(client)
        goes_on = self._holdings.assign(owned, unbroken=life.follows(self._life))
        self._life = life
        self._paused.intersection_update(owned)
        for partition, offset in goes_on.items():
            client.seek(_raw(partition), offset)
        self._in_client(self._paused, AIOKafkaConsumer.pause)
        _LOG.info("kafka.assigned", extra={"partitions": len(owned), "kept": len(goes_on)})

    def _in_client(
        self,
        partitions: Collection[Partition],
        do: Callable[[AIOKafkaConsumer, TopicPartition], None],
    ) -> None:
        """For those that the client has at this moment: it may be between two assignments."""
        if self._client is not None:
            for raw in self._client.assignment() & {_raw(one) for one in partitions}:
                do(self._client, raw)

    async def _started(self) -> AIOKafkaConsumer:
        if self._client is None:
            try:
                self._client = await self._start()
            except Unavailable as error:
                raise await self._connection.explained(error) from error
            self._client.subscribe(list(self._membership.topics), listener=self)
            self._last_touch = anyio.current_time()
        return self._client

    async def _start(self) -> AIOKafkaConsumer:
        await self._topics.ensure(self._connection)
        client = make_consumer(self._connection, self._membership)
        try:
            with translated("let in a consumer"), anyio.fail_after(START_S):
                await client.start()
        except BaseException:
            self._tasks.start_soon(_dropped, client)
            raise
        return client

    def _drop(self, client: AIOKafkaConsumer) -> None:
        if self._client is client:
            self._client = None
            self._holdings.assign((), unbroken=False)
            _LOG.warning("kafka.consumer_dropped")
            self._tasks.start_soon(_dropped, client)

    async def _look_after(self, client: AIOKafkaConsumer) -> None:
        """When nothing came: a broker that came back empty has no topics; one that is down has
        no group. aiokafka is silent about both.
        """
        now = anyio.current_time()
        if is_in_touch(client):
            self._last_touch = now
        elif now - self._last_touch > TOUCH_S:
            raise Unavailable("Kafka does not answer this consumer")
        names = self._membership.topics
        is_missing = any(client.partitions_for_topic(name) is None for name in names)
        if is_missing and now - self._last_made >= MISSING_S:
            self._last_made = now
            await self._topics.ensure(self._connection)


async def _polled(
    client: AIOKafkaConsumer, limit: int, wait_s: float
) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
    if is_broken(client):
        raise Unavailable("Kafka's client does not fetch any more")
    polled: dict[TopicPartition, list[ConsumerRecord]] = {}
    with translated("give records"), anyio.move_on_after(wait_s):
        polled |= await client.getmany(timeout_ms=int(wait_s * 1000), max_records=limit)
    return polled


async def _dropped(client: AIOKafkaConsumer) -> None:
    await drop_consumer(client, within_s=STOP_S)


def _raw(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)


def _named(raw: TopicPartition) -> Partition:
    return Partition(raw.topic, raw.partition)


def _record(raw: ConsumerRecord) -> Record:
    return Record(
        partition=Partition(raw.topic, raw.partition),
        offset=raw.offset,
        key=raw.key,
        value=raw.value,
        headers=tuple((name, value if value is not None else b"") for name, value in raw.headers),
        at=_EPOCH + timedelta(milliseconds=max(0, raw.timestamp or 0)),
    )
