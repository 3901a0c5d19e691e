"""The Kafka that the tests rest on: a node can be ended and come back."""

import pytest

from tests.servers.kafka import TestKafka
from tests.servers.kafka_nodes import KafkaNode
from tests.servers.kafka_process import answers

pytestmark = pytest.mark.integration


def test_topics_are_made_on_the_shared_server(kafka_server: TestKafka) -> None:
    assert kafka_server.topic(partitions=3) != kafka_server.topic()


def test_a_node_comes_back_on_its_port(own_kafka: KafkaNode) -> None:
    own_kafka.kill()
    assert not answers(own_kafka.node.port)
    own_kafka.start()
    assert answers(own_kafka.node.port)


def test_a_node_comes_back_empty(own_kafka: KafkaNode) -> None:
    before = own_kafka.cluster_id
    own_kafka.kill()
    own_kafka.empty()
    own_kafka.start()
    assert answers(own_kafka.node.port)
    assert own_kafka.cluster_id != before


def test_a_frozen_node_takes_connections_and_says_nothing(own_kafka: KafkaNode) -> None:
    own_kafka.freeze()
    assert not answers(own_kafka.node.port, within_s=0.2)
    own_kafka.thaw()
    assert answers(own_kafka.node.port, within_s=10.0)
