"""Publishes to Kafka for good, or says that it does not know."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, final

import anyio
import anyio.abc
from aiokafka import AIOKafkaProducer

from sfm_core.errors import Fault, TooLarge, Unavailable
from sfm_core.owned import owned_tasks
from sfm_events.ports import Message
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_faults import translated
from sfm_events.transports.kafka_inside import drop_producer, end_producer
from sfm_events.transports.kafka_topics import MAX_LETTER_BYTES, Topics

SEND_S: Final = 10.0
"""Longest wait for one `send`."""
STOP_S: Final = 2.0
REQUEST_S: Final = 5.0
"""After which an unanswered request is made anew."""
BATCH_BYTES: Final = 256 * 1024
RETRY_MS: Final = 200
METADATA_MS: Final = 10_000
COMPRESSION: Final = "zstd"

_LOG: Final = logging.getLogger(__name__)
_OVERHEAD_BYTES: Final = 128


@final
class KafkaProducer:
    """Implements `ports.Producer`: idempotent, acknowledged by all replicas in sync.

    A client that failed to deliver is dropped with all it holds, and the next `send` makes
    another: the failed one has spent sequence numbers (everything after would be out of
    order), and what it held back would go out behind its callers' backs, once for each time
    they tried. So memory is bounded, and after a broker came back empty its topics are made.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topics: Topics | None,
        *,
        tasks: anyio.abc.TaskGroup,
        send_s: float,
    ) -> None:
        self._connection = connection
        self._topics = topics or Topics()
        self._tasks = tasks
        self._send_s = send_s
        self._starting = anyio.Lock()
        self._client: AIOKafkaProducer | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        connection: KafkaConnection,
        topics: Topics | None = None,
        *,
        send_s: float = SEND_S,
        stop_s: float = STOP_S,
    ) -> AsyncGenerator["KafkaProducer"]:
        """A producer that connects with its first message, and makes `topics` if they are not
        there. The end of the block waits at most `stop_s` for what is under way.
        """
        async with owned_tasks() as tasks:
            producer = cls(connection, topics, tasks=tasks, send_s=send_s)
            try:
                yield producer
            finally:
                client, producer._client = producer._client, None
                if client is not None:
                    await end_producer(client, within_s=stop_s)

    async def send(self, messages: Sequence[Message]) -> None:
        _check_sizes(messages)
        if not messages:
            return
        client: AIOKafkaProducer | None = None
        try:
            with translated("take the messages"), anyio.fail_after(self._send_s):
                client = await self._started()
                await _publish(client, messages)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException:
            self._drop(client)
            raise

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._client is None:
                try:
                    with translated("let in a producer"):
                        self._client = await self._start()
                except Unavailable as error:
                    raise await self._connection.explained(error) from error
            return self._client

    async def _start(self) -> AIOKafkaProducer:
        await self._topics.ensure(self._connection)
        client = self._made()
        try:
            await client.start()
        except BaseException:
            self._tasks.start_soon(_dropped, client)
            raise
        return client

    def _made(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=list(self._connection.servers),
            enable_idempotence=True,
            acks="all",
            compression_type=COMPRESSION,
            max_request_size=MAX_LETTER_BYTES,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(REQUEST_S * 1000),
            retry_backoff_ms=RETRY_MS,
            metadata_max_age_ms=METADATA_MS,
            **self._connection.arguments,
        )

    def _drop(self, client: AIOKafkaProducer | None) -> None:
        if client is not None and self._client is client:
            self._client = None
            _LOG.warning("kafka.producer_dropped")
            self._tasks.start_soon(_dropped, client)


async def _dropped(client: AIOKafkaProducer) -> None:
    await drop_producer(client, within_s=STOP_S)


async def _publish(client: AIOKafkaProducer, messages: Sequence[Message]) -> None:
    futures: list[asyncio.Future[Any]] = []
    try:
        for message in messages:
            futures.append(  # noqa: PERF401 - those already queued are watched if one fails
                await client.send(
                    message.topic,
                    key=message.key,
                    value=message.value,
                    headers=list(message.headers),
                )
            )
        await asyncio.wait(futures)
    finally:
        for future in futures:
            future.add_done_callback(_noted)
    for future in futures:
        future.result()


def _noted(future: "asyncio.Future[Any]") -> None:
    """Its error is known: else the loop would report one that nobody asked for."""
    if not future.cancelled():
        future.exception()


def _check_sizes(messages: Sequence[Message]) -> None:
    faults = [
        Fault(f"/{index}", f"has more than {MAX_LETTER_BYTES} bytes")
        for index, message in enumerate(messages)
        if _size(message) > MAX_LETTER_BYTES
    ]
    if faults:
        raise TooLarge("a message is larger than any topic takes", faults=faults)


def _size(message: Message) -> int:
    headers = sum(len(name.encode()) + len(value) + 10 for name, value in message.headers)
    return len(message.key) + len(message.value) + headers + _OVERHEAD_BYTES
