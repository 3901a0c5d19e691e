"""A real Apache Kafka for the tests: `$SFM_TEST_KAFKA_URL` (host:port, ...), else one of our own.

A given server needs `group.min.session.timeout.ms` of 1000 or less.

Where neither is to be had, tests that ask for it are skipped; with `CI=true` they fail. Tests
that stop, freeze or empty a server start one of their own, with `tests.servers.kafka_nodes`.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.servers.kafka_nodes import KafkaCluster, KafkaNode, kafka, kafka_cluster
from tests.servers.kafka_process import NoKafka, class_path, java
from tests.servers.kafka_tls import SecureKafka, secure_kafka


@dataclass
class TestKafka:
    """A server in which tests make topics; usable from sync and async tests alike."""

    __test__ = False

    portal: BlockingPortal
    bootstrap: str

    def topic(self, *, partitions: int = 1, **configs: str) -> str:
        """The name of a new topic; `configs` with `_` for `.`."""
        name = f"test.{secrets.token_hex(6)}"
        self.portal.call(create_topic, self.bootstrap, name, partitions, 1, configs)
        return name


async def create_topic(
    bootstrap: str, name: str, partitions: int, copies: int, configs: dict[str, str]
) -> None:
    """Make a topic without any code of ours."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        dotted = {key.replace("_", "."): value for key, value in configs.items()}
        made = NewTopic(name, partitions, copies, topic_configs=dotted)
        answer = await admin.create_topics([made])
        assert not any(code for _, code, *_ in answer.topic_errors), answer
    finally:
        await admin.close()


async def leader_of(bootstrap: str, topic: str) -> int | None:
    """The id of the node that leads the topic's first partition; None: there is no such topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            return None
        [described] = await admin.describe_topics([topic])
        [found] = [one for one in described["partitions"] if one["partition"] == 0]
        leader: int = found["leader"]
        return leader
    finally:
        await admin.close()


def need_kafka() -> None:
    """Skip the test where Kafka cannot be had; in CI, fail it."""
    try:
        java()
        class_path()
    except NoKafka as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Kafka: {error}")


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[TestKafka]:
    """One server for the whole run; tests make topics and groups of their own in it."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        given = os.environ.get("SFM_TEST_KAFKA_URL")
        if given:
            yield TestKafka(portal, given)
            return
        need_kafka()
        yield TestKafka(portal, stack.enter_context(kafka()).bootstrap)


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[KafkaNode]:
    """A server of the module's own, to kill, freeze or empty; each test leaves it running."""
    need_kafka()
    with kafka() as server:
        yield server


@pytest.fixture
def three_kafkas() -> Iterator[KafkaCluster]:
    """A quorum of three of the test's own."""
    need_kafka()
    with kafka_cluster(3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def tls_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A server of the module's own that asks for TLS and a password."""
    need_kafka()
    with secure_kafka(tmp_path_factory.mktemp("tls")) as server:
        yield server
