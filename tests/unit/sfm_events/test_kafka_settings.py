"""KAFKA_*: what does not fit together is refused before anything connects."""

import pytest

from sfm_core.errors import Misconfigured
from sfm_core.runtime.settings import describe, load
from sfm_events.kafka_settings import KafkaSettings

SERVERS = {"KAFKA_BOOTSTRAP_SERVERS": "one:9092, two:9092"}
LOGIN = {"KAFKA_SASL_USERNAME": "sfm", "KAFKA_SASL_PASSWORD": "hidden-away"}


def test_without_servers_there_is_no_kafka() -> None:
    found = load(KafkaSettings, {})
    assert not found.uses_kafka
    assert found.dead_letter_topic == "memory.events.dlq"


def test_a_login_over_tls_is_read_whole() -> None:
    found = load(KafkaSettings, {**SERVERS, **LOGIN, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert found.kafka_bootstrap_servers == ("one:9092", "two:9092")
    assert found.uses_tls
    assert found.uses_sasl
    assert not any("hidden-away" in row.value for row in describe(found, {}))
    assert "hidden-away" not in repr(found)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME is required"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "sfm"},
            "KAFKA_SASL_PASSWORD is required",
        ),
        (LOGIN, "KAFKA_SASL_PASSWORD is given, but"),
        ({"KAFKA_SSL_CA_LOCATION": "/ca.pem"}, "KAFKA_SSL_CA_LOCATION is given, but"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka://one:9092"}, "no list of host:port"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "one"}, "no list of host:port"),
        ({"KAFKA_MEMORY_EVENTS_TOPIC": "memory events"}, "KAFKA_MEMORY_EVENTS_TOPIC"),
        ({"KAFKA_MEMORY_EVENTS_TOPIC": "x.dlq"}, "KAFKA_MEMORY_EVENTS_TOPIC"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "is none of PLAINTEXT"),
        ({"KAFKA_SESSION_TIMEOUT_SECONDS": "0.1"}, "is not between 1 and 1800"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, str], fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault):
        load(KafkaSettings, {**SERVERS, **given})


def test_a_protocol_without_servers_is_a_fault() -> None:
    with pytest.raises(Misconfigured, match="without KAFKA_BOOTSTRAP_SERVERS"):
        load(KafkaSettings, {**LOGIN, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
