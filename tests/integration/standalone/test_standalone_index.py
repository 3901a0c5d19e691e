"""The one-process server with a vector index and without Kafka: the log brings the index up."""

import secrets
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import load
from sfm_core.runtime.tracing import NoTracing
from sfm_core.testing.writes import an_upsert
from sfm_standalone.settings import StandaloneSettings
from sfm_standalone.wiring import open_app
from tests.unit.sfm_api.api_client import TOKEN, client_of

pytestmark = pytest.mark.integration


async def test_what_others_wrote_without_a_vector_is_embedded_and_indexed(
    fresh_database: str, qdrant_url: str, tmp_path: Path
) -> None:
    settings = load(
        StandaloneSettings,
        {
            "POSTGRES_URL": fresh_database,
            "QDRANT_URL": qdrant_url,
            "QDRANT_COLLECTION": f"test_{secrets.token_hex(6)}",
            "SFM_EMBEDDER": "hash",
            "SFM_RECONCILE_INTERVAL_SECONDS": "3600",
        },
    )
    opened = open_app(settings, data_dir=tmp_path, token=Secret(TOKEN), tracing=NoTracing())
    async with opened as (app, _), client_of(app) as client, open_pool(fresh_database) as pool:
        bare = replace(an_upsert("1", text="green tea"), vector=None, model_revision=None)
        await PostgresStore(pool).apply("a", [bare])
        handled = 'sfm_consumer_handled_total{consumer="vector-indexer"} 1.0'
        shown = ""
        with anyio.fail_after(20):
            while handled not in shown:
                shown = (await client.get("/metrics")).text
        assert (await client.get("/v1/a/stats")).json()["pending_index"] == 0
        told = (await client.get("/readyz")).json()["dependencies"]
        [indexer] = [one for one in told if one["name"] == "vector-indexer"]
        assert (indexer["ok"], indexer["required"]) == (True, False)
    assert "sfm_indexed_points_total 1.0" in shown
