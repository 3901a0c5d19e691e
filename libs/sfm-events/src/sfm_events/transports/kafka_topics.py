"""The topics of the event log: made by whoever needs them first."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from sfm_core.errors import Unavailable
from sfm_events.codec import MAX_EVENT_BYTES
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_faults import translated

PARTITIONS: Final = 12
COPIES: Final = 3
"""Replicas, where there are so many brokers; then two of them must have a write."""
MAX_MESSAGE_BYTES: Final = 2 * MAX_EVENT_BYTES
"""On the topic of the events: its own with their headers, and foreign ones that are too large, so
that those are judged and not stuck at their producer."""
MAX_LETTER_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""Of a dead letter: whatever the topic of the events took finds room in it."""
ENSURE_S: Final = 5.0

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


def topics_of(settings: KafkaSettings) -> tuple[Topic, ...]:
    """The topic of the events and that of the dead letters.

    Events bear the broker's clock, so that a foreign one cannot claim to be younger than an
    erasure. Dead letters are kept until somebody removes them.
    """
    return (
        Topic(
            name=settings.kafka_memory_events_topic,
            partitions=PARTITIONS,
            configs={
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(MAX_MESSAGE_BYTES),
            },
        ),
        Topic(
            name=settings.dead_letter_topic,
            partitions=1,
            configs={
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(MAX_LETTER_BYTES),
                "retention.ms": "-1",
            },
        ),
    )


async def ensure_topics(connection: KafkaConnection, topics: Sequence[Topic]) -> None:
    """Make those that are not there; one that is there stays as it is.

    Where the user may not make topics, this is silent: an operator has made them, or reading
    and writing will say that they are missing.

    Raises:
        Unavailable: Kafka does not answer, or cannot make one now.
    """
    with translated("make topics"), anyio.fail_after(ENSURE_S):
        admin = AIOKafkaAdminClient(
            bootstrap_servers=list(connection.servers), **connection.arguments
        )
        try:
            await admin.start()
            await _make_missing(admin, topics)
        finally:
            with anyio.move_on_after(1.0, shield=True):
                await admin.close()


async def _make_missing(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    there = set(await admin.list_topics())
    missing = [topic for topic in topics if topic.name not in there]
    if not missing:
        return
    brokers = len((await admin.describe_cluster())["brokers"])
    copies = min(COPIES, max(1, brokers))
    safe = {"min.insync.replicas": "2"} if copies >= COPIES else {}
    made = [
        NewTopic(topic.name, topic.partitions, copies, topic_configs={**safe, **topic.configs})
        for topic in missing
    ]
    answer = await admin.create_topics(made)
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if error is TopicAuthorizationFailedError:
            _LOG.warning("kafka.topic_not_allowed", extra={"topic": name})
        elif code and error is not TopicAlreadyExistsError:
            raise Unavailable(f"Kafka did not make the topic {name}: {error.__name__}")
        elif not code:
            _LOG.info("kafka.topic_made", extra={"topic": name, "copies": copies})
