"""`POST /v1/{ns}/reconcile:run`."""

import pytest

from sfm_core.factory import open_runtime
from sfm_core.testing.writes import an_upsert
from tests.unit.sfm_api.api_client import running
from tests.unit.sfm_api.twin_runtime import TWINS

RUN = "/v1/a/reconcile:run"


async def test_a_dry_run_tells_what_a_run_then_does() -> None:
    async with open_runtime(TWINS) as runtime, running(runtime=runtime) as client:
        answer = await client.put("/v1/a/memories/1", json={"payload": {"gist": "tea"}})
        await runtime.records.apply("a", [an_upsert("2", model_revision="older")])
        dry = (await client.post(RUN, json={"dry_run": True})).json()
        id_ = next(iter(dry["jobs"][2]["effects"]))["id"]
        assert dry == {
            "dry_run": True,
            "complete": True,
            "jobs": [
                {"job": "upkeep", "complete": True, "counts": {}, "effects": [], "over_limit": 0},
                {"job": "wal", "complete": True, "counts": {}, "effects": [], "over_limit": 0},
                {
                    "job": "parity",
                    "complete": True,
                    "counts": {"embedded": 1},
                    "effects": [{"kind": "embedded", "id": id_}],
                    "over_limit": 0,
                },
            ],
        }
        assert id_ != answer.json()["id"]
        assert (await client.post(RUN, json={})).json() == dry | {"dry_run": False}
        only = {"jobs": ["parity", "parity"]}
        again = (await client.post(RUN, json=only)).json()
        assert [(job["job"], job["effects"]) for job in again["jobs"]] == [("parity", [])]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"dry_run": 1}, ["/dry_run"]),
        ({"job": ["wal"]}, ["/job"]),
        ({"jobs": []}, ["/jobs"]),
        ({"jobs": "wal"}, ["/jobs"]),
        ({"jobs": ["relay", "wal", {}]}, ["/jobs/0", "/jobs/2"]),
        ([], [""]),
    ],
)
async def test_a_wrong_body_is_told_with_its_path(body: object, paths: list[str]) -> None:
    async with running() as client:
        answer = await client.post(RUN, json=body)
        assert answer.status_code == 422
        assert [error["path"] for error in answer.json()["errors"]] == paths


async def test_a_second_run_in_the_namespace_is_a_conflict() -> None:
    async with open_runtime(TWINS) as runtime, running(runtime=runtime) as client:
        async with runtime.upkeep._locks.held("a", "parity") as is_ours:
            assert is_ours
            assert (await client.post(RUN, json={})).status_code == 409
            assert (await client.post(RUN, json={"dry_run": True})).status_code == 200
            assert (await client.post(RUN, json={"jobs": ["upkeep"]})).status_code == 200
            assert (await client.post("/v1/b/reconcile:run", json={})).status_code == 200
        assert (await client.post(RUN, json={})).status_code == 200
