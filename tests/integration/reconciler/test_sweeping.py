"""The reconciler sweeps the outbox, whoever was to publish."""

import json

import httpx
import pytest

from sfm_core.factory import open_runtime
from sfm_core.model import MemoryDraft
from sfm_core.testing.writes import at
from tests.integration.reconciler.running import (
    is_ready,
    metric,
    reconciling,
    settings_of,
    until,
)
from tests.servers.kafka import TestKafka
from tests.servers.topics import Topic

pytestmark = pytest.mark.integration

NOWHERE = "127.0.0.1:1"


async def test_what_nobody_published_is_published_and_counted(
    fresh_database: str, kafka_server: TestKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = kafka_server.topic()
    settings = settings_of(
        POSTGRES_URL=fresh_database,
        KAFKA_BOOTSTRAP_SERVERS=kafka_server.bootstrap,
        KAFKA_MEMORY_EVENTS_TOPIC=name,
    )
    async with open_runtime(settings.core) as runtime:
        for number in range(3):
            await runtime.remember.store("a", at(f"{number}"), MemoryDraft(payload={"n": number}))
        async with reconciling(settings, monkeypatch) as client:
            await until(lambda: is_ready(client))
            topic = Topic(kafka_server.bootstrap, name)
            records = await topic.read(name, lambda found: len(found) >= 3)
            found = sorted(json.loads(record.value)["position"] for record in records)
            log = await runtime.events.page("a", after=0, limit=9)
            assert found == [event.position for event in log.events]
            series = 'sfm_reconcile_effects_total{effect="published",job="relay"}'
            await until(lambda: _shows(client, series, 3.0))


async def test_while_kafka_is_away_it_says_so_and_how_much_waits(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(POSTGRES_URL=fresh_database, KAFKA_BOOTSTRAP_SERVERS=NOWHERE)
    async with open_runtime(settings.core) as runtime:
        await runtime.remember.store("a", at("1"), MemoryDraft(payload={"n": 1}))
        async with reconciling(settings, monkeypatch) as client:
            await until(lambda: _shows(client, "sfm_outbox_unsent_rows", 1.0))
            await until(lambda: _lacks(client, ["kafka"]))
            series = 'sfm_reconcile_duration_seconds_count{job="parity",outcome="ok"}'
            await until(lambda: _grew(client, series))


async def _shows(client: httpx.AsyncClient, series: str, wanted: float) -> bool:
    return await metric(client, series) == wanted


async def _lacks(client: httpx.AsyncClient, wanted: list[str]) -> bool:
    answer = (await client.get("/readyz")).json()
    return [one["name"] for one in answer["dependencies"] if not one["ok"]] == wanted


async def _grew(client: httpx.AsyncClient, series: str) -> bool:
    return await metric(client, series) > 0
