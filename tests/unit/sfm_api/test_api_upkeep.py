"""`POST /v1/{ns}/decay:run`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sfm_core.factory import open_runtime
from sfm_core.testing.fakes import ManualClock
from tests.unit.sfm_api.api_client import running
from tests.unit.sfm_api.twin_runtime import TWINS

SETTINGS = replace(
    TWINS,
    decay_thresholds_seconds=(60.0,),
    decay_keys_by_level=(("raw",),),
    max_memory_size=2,
)
RUN = "/v1/a/decay:run"


async def test_a_dry_run_tells_what_a_run_then_does() -> None:
    clock = ManualClock(datetime.now(UTC))
    expires = (clock.now() + timedelta(minutes=30)).isoformat()
    async with open_runtime(SETTINGS, clock=clock) as runtime, running(runtime=runtime) as client:
        for where, memory in (
            ("1,2.5", {"payload": {"raw": "wires", "gist": "tea"}, "importance": 2}),
            ("2", {"payload": {"gist": "rain"}, "importance": 0}),
            ("3", {"payload": {"gist": "sun"}, "pinned": True}),
            ("4", {"payload": {"gist": "now"}, "expires_at": expires}),
        ):
            assert (await client.put(f"/v1/a/memories/{where}", json=memory)).status_code == 201
        clock.advance(timedelta(hours=1))
        dry = await client.post(RUN, json={"dry_run": True})
        assert dry.json() == {
            "dry_run": True,
            "effects": [
                {"coordinate": [4], "version": 1, "kind": "expired", "removed": []},
                {"coordinate": [2], "version": 1, "kind": "pruned", "removed": []},
                {"coordinate": [1, 2.5], "version": 1, "kind": "decayed", "removed": ["raw"]},
            ],
            "complete": True,
            "over_limit": 0,
        }
        wet = await client.post(RUN, json={})
        assert wet.json() == dry.json() | {"dry_run": False}
        memory = (await client.get("/v1/a/memories/1,2.5")).json()
        assert (memory["payload"], memory["version"]) == ({"gist": "tea"}, 2)
        assert (await client.get("/v1/a/memories/2")).status_code == 404
        assert (await client.get("/v1/a/memories/4")).status_code == 404
        assert (await client.post(RUN, json={})).json()["effects"] == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"dry_run": 1}, "/dry_run"),
        ({"dry_run": None}, "/dry_run"),
        ({"dryrun": True}, "/dryrun"),
        ([], ""),
    ],
)
async def test_a_wrong_body_is_told_with_its_path(body: object, path: str) -> None:
    async with running() as client:
        answer = await client.post(RUN, json=body)
        assert answer.status_code == 422
        assert [error["path"] for error in answer.json()["errors"]] == [path]


async def test_a_second_run_in_the_namespace_is_a_conflict() -> None:
    async with open_runtime(SETTINGS) as runtime, running(runtime=runtime) as client:
        async with runtime.upkeep._locks.held("a", "upkeep") as is_ours:
            assert is_ours
            assert (await client.post(RUN, json={})).status_code == 409
            assert (await client.post(RUN, json={"dry_run": True})).status_code == 200
            assert (await client.post("/v1/b/decay:run", json={})).status_code == 200
        assert (await client.post(RUN, json={})).status_code == 200
