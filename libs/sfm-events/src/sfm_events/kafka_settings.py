"""Settings of every process that talks to Kafka."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting

DEAD_LETTERS: Final = ".dlq"
"""Ends the name of the topic for records that can never succeed."""
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,240}")
_SERVER: Final = re.compile(r"[^\s:,/]+:[0-9]{1,5}|\[[0-9a-fA-F:.]+\]:[0-9]{1,5}")

type SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
type SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    kafka_bootstrap_servers: tuple[str, ...] = setting(
        "KAFKA_BOOTSTRAP_SERVERS",
        default=(),
        doc="host:port, comma-joined; none: events go through PostgreSQL alone.",
    )
    kafka_security_protocol: SecurityProtocol = setting(
        "KAFKA_SECURITY_PROTOCOL",
        default="PLAINTEXT",
        doc="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
    )
    kafka_sasl_mechanism: SaslMechanism = setting(
        "KAFKA_SASL_MECHANISM",
        default="SCRAM-SHA-512",
        doc="How the password is shown, where the protocol is SASL_*.",
    )
    kafka_sasl_username: str | None = setting(
        "KAFKA_SASL_USERNAME", default=None, doc="Needed where the protocol is SASL_*."
    )
    kafka_sasl_password: Secret | None = setting(
        "KAFKA_SASL_PASSWORD", default=None, doc="Needed where the protocol is SASL_*."
    )
    kafka_ssl_ca_location: Path | None = setting(
        "KAFKA_SSL_CA_LOCATION",
        default=None,
        doc="CA certificates (PEM) to trust, where the protocol is *SSL; else the system's.",
    )
    kafka_memory_events_topic: str = setting(
        "KAFKA_MEMORY_EVENTS_TOPIC",
        default="memory.events",
        doc="Topic of the events; with .dlq behind it, that of the dead letters.",
    )
    kafka_consumer_group: str = setting(
        "KAFKA_CONSUMER_GROUP",
        default="sfm",
        doc="What the consumer groups' names begin with; the service's name follows.",
    )
    kafka_group_instance_id: str | None = setting(
        "KAFKA_GROUP_INSTANCE_ID",
        default=None,
        doc="Of this process alone: a quick restart keeps its partitions. None: it leaves them.",
    )
    kafka_session_timeout_seconds: float = setting(
        "KAFKA_SESSION_TIMEOUT_SECONDS",
        default=10.0,
        low=1,
        high=1800,
        doc="Silence after which others take over the partitions of a consumer.",
    )

    def faults(self) -> list[str]:
        """Rules that span fields."""
        found = [*self._server_faults(), *self._sasl_faults()]
        if self.kafka_ssl_ca_location is not None and not self.uses_tls:
            found.append("KAFKA_SSL_CA_LOCATION is given, but KAFKA_SECURITY_PROTOCOL has no SSL")
        topic = self.kafka_memory_events_topic
        if not _TOPIC.fullmatch(topic) or topic.endswith(DEAD_LETTERS) or topic.strip(".") == "":
            found.append("KAFKA_MEMORY_EVENTS_TOPIC is no name of a topic of events")
        return found

    @property
    def uses_kafka(self) -> bool:
        return bool(self.kafka_bootstrap_servers)

    @property
    def uses_tls(self) -> bool:
        return self.kafka_security_protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        return self.kafka_security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    @property
    def dead_letter_topic(self) -> str:
        return self.kafka_memory_events_topic + DEAD_LETTERS

    def _server_faults(self) -> list[str]:
        if any(not _SERVER.fullmatch(server) for server in self.kafka_bootstrap_servers):
            return ["KAFKA_BOOTSTRAP_SERVERS is no list of host:port"]
        if not self.uses_kafka and self.kafka_security_protocol != "PLAINTEXT":
            return ["KAFKA_SECURITY_PROTOCOL is given without KAFKA_BOOTSTRAP_SERVERS"]
        return []

    def _sasl_faults(self) -> list[str]:
        given = {
            "KAFKA_SASL_USERNAME": self.kafka_sasl_username,
            "KAFKA_SASL_PASSWORD": self.kafka_sasl_password,
        }
        if self.uses_sasl:
            return [
                f"{name} is required where KAFKA_SECURITY_PROTOCOL is "
                f"{self.kafka_security_protocol}"
                for name, value in given.items()
                if value is None
            ]
        return [
            f"{name} is given, but KAFKA_SECURITY_PROTOCOL has no SASL"
            for name, value in given.items()
            if value is not None
        ]
