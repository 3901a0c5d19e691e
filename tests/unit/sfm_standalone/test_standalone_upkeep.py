"""The one-process server does upkeep without being asked."""

from dataclasses import replace
from pathlib import Path

import anyio

from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import load
from sfm_core.runtime.tracing import NoTracing
from sfm_standalone.settings import StandaloneSettings
from sfm_standalone.wiring import open_app
from tests.unit.sfm_api.api_client import TEA, TOKEN, client_of

ENV = {"POSTGRES_URL": "memory://", "SFM_EMBEDDER": "hash", "SFM_MAX_MEMORY_SIZE": "1"}


async def test_what_is_too_much_goes_by_itself(tmp_path: Path) -> None:
    settings = load(StandaloneSettings, ENV)
    settings = replace(settings, core=replace(settings.core, pruning_interval_seconds=0.01))
    opened = open_app(settings, data_dir=tmp_path, token=Secret(TOKEN), tracing=NoTracing())
    async with opened as (app, _), client_of(app) as client:
        await client.put("/v1/a/memories/1", json=TEA | {"importance": 1})
        await client.put("/v1/a/memories/2", json=TEA | {"importance": 2})
        with anyio.fail_after(20):
            while (await client.get("/v1/a/stats")).json()["total"] != 1:
                await anyio.lowlevel.checkpoint()
        assert (await client.get("/v1/a/memories/2")).status_code == 200
        shown = (await client.get("/metrics")).text
    assert 'sfm_upkeep_effects_total{effect="pruned"} 1.0' in shown
