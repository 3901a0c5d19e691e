"""The topics of the event log: made by whoever needs them first."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, final

import anyio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
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
"""Replicas, where there are so many brokers; then two of them must have a write. With fewer it is
the brokers' default: of three of which one is up so far, it is for them to refuse a single copy."""
BY_DEFAULT: Final = -1
MAX_MESSAGE_BYTES: Final = 2 * MAX_EVENT_BYTES
"""On the topic of the events: its own with their headers, and foreign ones that are too large, so
that those are judged and not stuck at their producer."""
MAX_LETTER_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""Of a dead letter: whatever the topic of the events took finds room in it."""
LEAST_RETENTION: Final = timedelta(days=1)
"""Of events: a consumer that was away for longer has missed some."""
ENSURE_S: Final = 5.0

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)
    """As it is made, and is to be; of sizes and times, at least."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """What it is to be besides, and brokers make it by themselves."""


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
            needs={
                "cleanup.policy": "delete",
                "retention.ms": str(LEAST_RETENTION // timedelta(milliseconds=1)),
            },
        ),
        Topic(
            name=settings.dead_letter_topic,
            partitions=1,
            configs={
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(MAX_LETTER_BYTES),
                "retention.ms": "-1",
                "retention.bytes": "-1",
                "cleanup.policy": "delete",
            },
        ),
    )


@final
class Topics:
    """Topics that a process uses, and how those that it found differ from what is needed."""

    def __init__(self, *topics: Topic) -> None:
        self._topics = topics
        self._differences: Mapping[str, Sequence[str]] = {}

    @property
    def differences(self) -> Sequence[str]:
        """One sentence each, as last looked; empty before the first look."""
        return [f"{name}: {one}" for name, some in self._differences.items() for one in some]

    async def ensure(self, connection: KafkaConnection) -> None:
        """Make those that are not there; one that is there stays as it is, and is looked at.

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
                there = set(await admin.list_topics())
                await _make_missing(admin, [one for one in self._topics if one.name not in there])
                await self._look_at(admin, [one for one in self._topics if one.name in there])
            finally:
                with anyio.move_on_after(1.0, shield=True):
                    await admin.close()

    async def _look_at(self, admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
        topics = [one for one in topics if one.configs or one.needs]
        found = await _described(admin, topics) if topics else {}
        before = self._differences
        now: dict[str, Sequence[str]] = {}
        for topic in topics:
            configs = found.get(topic.name)
            if configs is None:
                now[topic.name] = before.get(topic.name, ())
                continue
            now[topic.name] = differences(topic, configs)
            for one in set(now[topic.name]) - set(before.get(topic.name, ())):
                _LOG.warning("kafka.topic_differs", extra={"topic": topic.name, "detail": one})
        self._differences = now


def differences(topic: Topic, configs: Mapping[str, str]) -> Sequence[str]:
    """In which of the settings a topic falls short of what is needed."""
    return [
        f"{name} is {configs[name]} and not {wanted}"
        for name, wanted in {**topic.configs, **topic.needs}.items()
        if name in configs and not _suffices(name, configs[name], wanted)
    ]


def _suffices(name: str, found: str, wanted: str) -> bool:
    if name.startswith("retention."):
        return found == "-1" or (wanted != "-1" and int(found) >= int(wanted))
    if name == "max.message.bytes":
        return int(found) >= int(wanted)
    return found == wanted


async def _described(
    admin: AIOKafkaAdminClient, topics: Sequence[Topic]
) -> Mapping[str, Mapping[str, str]]:
    """Settings by topic; none of a topic that the user may not look at."""
    asked = [
        ConfigResource(
            ConfigResourceType.TOPIC, topic.name, dict.fromkeys([*topic.configs, *topic.needs])
        )
        for topic in topics
    ]
    found: dict[str, Mapping[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, _, _, name, entries in answer.resources:
            if code:
                why = for_code(code).__name__
                _LOG.info("kafka.topic_not_seen", extra={"topic": name, "reason": why})
            else:
                found[name] = {key: value for key, value, *_ in entries if value is not None}
    return found


async def _make_missing(admin: AIOKafkaAdminClient, missing: Sequence[Topic]) -> None:
    if not missing:
        return
    brokers = len((await admin.describe_cluster())["brokers"])
    copies = COPIES if brokers >= COPIES else BY_DEFAULT
    safe = {"min.insync.replicas": "2"} if copies == COPIES else {}
    # Without assignments of its own aiokafka takes no -1, although brokers do.
    apart: dict[int, list[int]] | None = {} if copies == BY_DEFAULT else None
    made = [
        NewTopic(
            topic.name,
            topic.partitions,
            copies,
            replica_assignments=apart,
            topic_configs={**safe, **topic.configs},
        )
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
            said = "default" if copies == BY_DEFAULT else copies
            _LOG.info("kafka.topic_made", extra={"topic": name, "copies": said})
