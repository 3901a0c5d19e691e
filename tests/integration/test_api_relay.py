"""`python -m sfm_api` with Kafka: what is stored over REST comes out on the topic."""

import secrets
import socket
import time

import anyio
import httpx
import pytest

from sfm_events.codec import decode
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.ports import Record
from sfm_events.transports.kafka import KafkaTransport
from tests.integration.test_api_process import environment, started
from tests.servers.kafka import TestKafka
from tests.unit.sfm_api.api_client import AUTHORIZED, TEA

pytestmark = pytest.mark.integration


async def records_of(settings: KafkaSettings, count: int) -> list[Record]:
    transport = await KafkaTransport.connect(settings)
    found: list[Record] = []
    with anyio.fail_after(30):
        async with transport.source("test") as source:
            while len(found) < count:
                for records in (await source.fetch(limit=100, wait_s=0.5)).values():
                    found += records
    return found


async def test_what_is_stored_is_published(fresh_database: str, kafka_server: TestKafka) -> None:
    settings = KafkaSettings(
        kafka_bootstrap_servers=tuple(kafka_server.bootstrap.split(",")),
        kafka_memory_events_topic=f"test.{secrets.token_hex(6)}",
        kafka_consumer_group=f"test.{secrets.token_hex(6)}",
    )
    env = environment(
        POSTGRES_URL=fresh_database,
        KAFKA_BOOTSTRAP_SERVERS=kafka_server.bootstrap,
        KAFKA_MEMORY_EVENTS_TOPIC=settings.kafka_memory_events_topic,
    )

    def store() -> None:
        with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
            client.put("/v1/acme/memories/1,2.5", json=TEA).raise_for_status()
            client.delete("/v1/acme/memories/1,2.5").raise_for_status()
            deadline = time.monotonic() + 30
            while "sfm_outbox_relayed_total 2.0" not in client.get("/metrics").text:
                assert time.monotonic() < deadline
            names = {one["name"]: one for one in client.get("/readyz").json()["dependencies"]}
            assert names["kafka"]["required"] is False
            assert api.stop() == 0

    await anyio.to_thread.run_sync(store)
    events = [decode(record.value or b"") for record in await records_of(settings, 2)]
    assert [(one.type, one.version, one.namespace) for one in events] == [
        ("created", 1, "acme"),
        ("deleted", 2, "acme"),
    ]
    assert events[0].payload == TEA["payload"]


def test_without_kafka_writes_are_acknowledged_and_wait(fresh_database: str) -> None:
    """The broker is away from the start; the process is ready, and tells of the outbox."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    env = environment(POSTGRES_URL=fresh_database, KAFKA_BOOTSTRAP_SERVERS=address)
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        client.put("/v1/acme/memories/1", json=TEA).raise_for_status()
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert api.stop() == 0
