"""What topics are made with, and what is said of those that somebody else made."""

from types import SimpleNamespace
from typing import Any

import pytest

from sfm_core.runtime.secret import Secret
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.kafka_connection import KafkaConnection
from sfm_events.transports.kafka_topics import (
    BY_DEFAULT,
    COPIES,
    Topic,
    _make_missing,
    differences,
    topics_of,
)

EVENTS, LETTERS = topics_of(KafkaSettings())


class Admin:
    """As much of aiokafka's as making topics takes."""

    def __init__(self, brokers: int) -> None:
        self._brokers = brokers
        self.made: list[Any] = []

    async def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{"node_id": n} for n in range(self._brokers)]}

    async def create_topics(self, made: list[Any]) -> Any:
        self.made = made
        return SimpleNamespace(topic_errors=[])


@pytest.mark.parametrize(
    ("brokers", "copies", "safe"),
    [(1, BY_DEFAULT, None), (2, BY_DEFAULT, None), (3, COPIES, "2"), (5, COPIES, "2")],
)
async def test_with_too_few_brokers_they_say_how_many_copies(
    brokers: int, copies: int, safe: str | None
) -> None:
    admin = Admin(brokers)
    await _make_missing(admin, [EVENTS])
    [made] = admin.made
    assert made.replication_factor == copies
    assert made.topic_configs.get("min.insync.replicas") == safe


@pytest.mark.parametrize("topic", [EVENTS, LETTERS])
def test_nothing_is_said_of_a_topic_of_our_own_making(topic: Topic) -> None:
    brokers = {"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1"}
    assert differences(topic, brokers | dict(topic.configs)) == []


@pytest.mark.parametrize(
    ("topic", "name", "value"),
    [
        (EVENTS, "message.timestamp.type", "CreateTime"),
        (EVENTS, "cleanup.policy", "compact"),
        (EVENTS, "cleanup.policy", "compact,delete"),
        (EVENTS, "retention.ms", "3600000"),
        (EVENTS, "max.message.bytes", "1048588"),
        (LETTERS, "retention.ms", "604800000"),
        (LETTERS, "retention.bytes", "1000000"),
        (LETTERS, "cleanup.policy", "compact"),
        (LETTERS, "max.message.bytes", "1048588"),
    ],
)
def test_a_setting_that_loses_or_forges_is_named(topic: Topic, name: str, value: str) -> None:
    wanted = {**topic.configs, **topic.needs}
    [said] = differences(topic, wanted | {name: value})
    assert said == f"{name} is {value} and not {wanted[name]}"


@pytest.mark.parametrize(
    ("name", "value"), [("retention.ms", "-1"), ("max.message.bytes", "99999999")]
)
def test_more_than_is_needed_suffices(name: str, value: str) -> None:
    assert differences(EVENTS, {**EVENTS.configs, **EVENTS.needs, name: value}) == []


async def test_a_connection_does_not_show_its_password() -> None:
    connection = await KafkaConnection.of(
        KafkaSettings(
            kafka_bootstrap_servers=("localhost:9092",),
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_username="sfm",
            kafka_sasl_password=Secret("hunter2-hunter2"),
        )
    )
    assert connection.arguments["sasl_plain_password"] == "hunter2-hunter2"
    assert "hunter2" not in repr(connection)
