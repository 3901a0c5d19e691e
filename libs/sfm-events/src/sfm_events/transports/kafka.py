"""Kafka as a transport of events: opened from its settings, in one place."""

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Self, final

from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_membership import Membership
from sfm_events.transports.kafka_producer import KafkaProducer
from sfm_events.transports.kafka_source import KafkaSource
from sfm_events.transports.kafka_topics import Topics, topics_of

_LOG: Final = logging.getLogger(__name__)


@final
class KafkaTransport:
    """One cluster; its producers and sources connect, and connect again, by themselves."""

    def __init__(self, settings: KafkaSettings, connection: KafkaConnection) -> None:
        self._settings = settings
        self._connection = connection
        self._topics = Topics(*topics_of(settings))

    @classmethod
    async def connect(cls, settings: KafkaSettings) -> Self:
        """Tries the settings on the servers. That none can be reached is no error: a process
        starts without Kafka, and goes on when it is there.

        Raises:
            Misconfigured: a server refuses the login, is not the one the CA vouches for, or
                speaks another protocol than the settings say; or the CA's file is none.
        """
        connection = await KafkaConnection.of(settings)
        if not await connection.check():
            _LOG.warning("kafka.unreachable", extra={"servers": len(connection.servers)})
        return cls(settings, connection)

    async def is_reachable(self) -> bool:
        """Whether some server answers and lets us in.

        Raises:
            Misconfigured: as `connect`.
        """
        return await self._connection.check()

    @property
    def remarks(self) -> Sequence[str]:
        """In what the topics that are there fall short of what is needed; empty while no client
        has connected yet.
        """
        return self._topics.differences

    def producer(self) -> AbstractAsyncContextManager[KafkaProducer]:
        """Publishes to both topics, and makes them where they are missing."""
        return KafkaProducer.open(self._connection, self._topics)

    def source(self, service: str) -> AbstractAsyncContextManager[KafkaSource]:
        """Reads the topic of the events, for the group of a service."""
        return self._source(service, self._settings.kafka_memory_events_topic)

    def dead_letters(self, reader: str) -> AbstractAsyncContextManager[KafkaSource]:
        """Reads the topic of the dead letters, for a group of its own."""
        return self._source(reader, self._settings.dead_letter_topic)

    def _source(self, member: str, topic: str) -> AbstractAsyncContextManager[KafkaSource]:
        membership = Membership(
            group=f"{self._settings.kafka_consumer_group}.{member}",
            topics=(topic,),
            instance_id=self._settings.kafka_group_instance_id,
            session_s=self._settings.kafka_session_timeout_seconds,
        )
        return KafkaSource.open(self._connection, membership, self._topics)
