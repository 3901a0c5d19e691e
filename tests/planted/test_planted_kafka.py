"""Auto-commit in the Kafka client itself is caught."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from sfm_events.transports import kafka_membership as module
from tests.integration.test_kafka_commits import check_nothing_is_committed_by_itself
from tests.servers.kafka import TestKafka

pytestmark = pytest.mark.integration


async def test_a_client_that_commits_by_itself_is_caught(
    kafka_server: TestKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(**given: Any) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**given | {"enable_auto_commit": True})

    monkeypatch.setattr(module, "AIOKafkaConsumer", wrong)
    with pytest.raises(AssertionError, match="by itself"):
        await check_nothing_is_committed_by_itself(kafka_server)
