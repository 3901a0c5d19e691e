"""Building a projection anew over HTTP."""

from dataclasses import replace

import pytest

from sfm_api import namespaces
from sfm_core.factory import open_runtime
from tests.unit.sfm_api.api_client import TEA, running
from tests.unit.sfm_api.twin_runtime import TWINS


@pytest.mark.parametrize("projection", ["vectors", "slab", "lexical", "graph", "cache"])
async def test_each_projection_is_sound_afterwards(projection: str) -> None:
    async with running() as client:
        await client.put("/v1/a/memories/1", json=TEA)
        await client.post("/v1/a/recall", json={"query": "tea"})
        answer = await client.post("/v1/a/rebuild", json={"projection": projection})
    assert answer.status_code == 200
    said = answer.json()
    assert (said["projection"], said["sound"], said["position"]) == (projection, True, 1)
    assert said["after"] == said["truth"]


async def test_vectors_go_on_behind_what_an_answer_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "REBUILD_S", 0.0)
    async with running() as client:
        await client.put("/v1/a/memories/1,2", json=TEA)
        first = (await client.post("/v1/a/rebuild", json={"projection": "vectors"})).json()
        asked = {"projection": "vectors", "after": first["next"]}
        last = (await client.post("/v1/a/rebuild", json=asked)).json()
    assert (first["next"], first["truth"][:2], first["sound"]) == ("1,2", "1:", True)
    assert (last["next"], last["truth"][:2], last["sound"]) == (None, "0:", True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"projection": "all"},
        {"projection": "slab", "x": 1},
        [],
        {"projection": "slab", "after": "1"},
        {"projection": "vectors", "after": "x"},
        {"projection": "vectors", "after": 1},
    ],
)
async def test_what_is_no_projection_is_refused(body: object) -> None:
    async with running() as client:
        answer = await client.post("/v1/a/rebuild", json=body)
    assert answer.status_code == 422


async def test_without_views_a_path_is_found_and_a_slab_is_refused_with_the_reason() -> None:
    async with (
        open_runtime(replace(TWINS, fast_core=False)) as runtime,
        running(runtime=runtime) as client,
    ):
        for at in ("1", "2"):
            await client.put(f"/v1/a/memories/{at}", json=TEA)
        await client.put("/v1/a/links", json={"from": [1], "to": [2]})
        path = await client.get("/v1/a/path", params={"from": "1", "to": "2"})
        slab = await client.post("/v1/a/rebuild", json={"projection": "slab"})
        graph = await client.post("/v1/a/rebuild", json={"projection": "graph"})
    assert (path.status_code, path.json()["path"]) == (200, [[1], [2]])
    assert (slab.status_code, graph.status_code) == (422, 200)
    assert "holds no views" in slab.text
    assert graph.json()["sound"]
