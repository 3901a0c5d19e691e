"""Building a projection anew over HTTP."""

import pytest

from sfm_api import namespaces
from tests.unit.sfm_api.api_client import TEA, running


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
