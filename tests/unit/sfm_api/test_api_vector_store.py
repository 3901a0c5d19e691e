"""Writes over HTTP with a vector store beside, which may be away."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from sfm_core.factory import open_runtime
from sfm_core.testing.vectors import FlakyVectors
from tests.unit.sfm_api.api_client import TEA, running
from tests.unit.sfm_api.twin_runtime import TWINS

MORE = {"payload": {"said": "Ada drinks black tea"}}


@asynccontextmanager
async def served(
    vectors: FlakyVectors, *, fast_core: bool = True
) -> AsyncGenerator[httpx.AsyncClient]:
    settings = replace(TWINS, fast_core=fast_core)
    async with (
        open_runtime(settings, vectors=vectors) as runtime,
        running(runtime=runtime) as client,
    ):
        yield client


type Call = tuple[str, str, Mapping[str, Any] | None, int]
CALLS: dict[str, Call] = {
    "store": ("PUT", "/memories/1", MORE, 200),
    "store anew": ("PUT", "/memories/2", MORE, 201),
    "remember": ("POST", "/memories", MORE, 201),
    "batch": ("POST", "/memories:batch", {"items": [MORE]}, 200),
    "patch": ("PATCH", "/memories/1", {"pinned": True}, 200),
    "restore": ("POST", "/memories/1:restore", {"version": 1}, 200),
    "delete": ("DELETE", "/memories/1", None, 204),
    "delete many": ("POST", "/memories:delete", {"coordinates": [[1]]}, 200),
}


async def _do(
    client: httpx.AsyncClient, call: Call, *, wait: str | None = None, key: str | None = None
) -> httpx.Response:
    method, path, body, _ = call
    return await client.request(
        method,
        f"/v1/a{path}",
        json=body,
        params=None if wait is None else {"wait": wait},
        headers=None if key is None else {"Idempotency-Key": key},
    )


@pytest.mark.parametrize("name", CALLS)
async def test_a_write_waits_for_the_index_and_says_503_with_all_that_is_durable(name: str) -> None:
    vectors = FlakyVectors()
    async with served(vectors) as client:
        await client.put("/v1/a/memories/1", json=TEA)
        vectors.is_down = True
        answer = await _do(client, CALLS[name], key="k")
        assert answer.status_code == 503
        said = answer.json()
        assert said["type"] == "urn:sfm:error:unavailable"
        assert said["durable"] is True
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["sfm-position"] == str(said["position"])
        repeated = await _do(client, CALLS[name], key="k")
        assert repeated.status_code == 503
        assert repeated.headers["idempotent-replay"] == "true"
        vectors.is_down = False
        healed = await _do(client, CALLS[name], key="k")
        assert healed.status_code == CALLS[name][3]
        assert healed.headers["idempotent-replay"] == "true"
        assert healed.headers["sfm-position"] == str(said["position"])
        if name not in ("delete", "delete many", "batch"):
            assert {**healed.json(), "index": "pending"}.items() <= said.items()
        stats = (await client.get("/v1/a/stats")).json()
        assert (stats["wal"], stats["pending_index"]) == (0, 0)


async def test_a_batch_says_of_each_item_whether_it_is_indexed() -> None:
    vectors = FlakyVectors()
    items = [MORE, {"payload": 1}, {**TEA, "coordinate": [7]}]
    async with served(vectors) as client:
        vectors.is_down = True
        said = (await client.post("/v1/a/memories:batch", json={"items": items})).json()
        assert [one["status"] for one in said["results"]] == [201, 422, 201]
        assert [one.get("indexed") for one in said["results"]] == [False, None, False]
        vectors.is_down = False
        answer = await client.post("/v1/a/memories:batch", json={"items": items})
        assert answer.status_code == 200
        assert [one.get("indexed") for one in answer.json()["results"]] == [True, None, True]


@pytest.mark.parametrize("name", CALLS)
async def test_who_asks_for_durable_is_answered_202(name: str) -> None:
    vectors = FlakyVectors()
    async with served(vectors) as client:
        await client.put("/v1/a/memories/1", json=TEA)
        vectors.is_down = True
        answer = await _do(client, CALLS[name], wait="durable")
        assert answer.status_code == 202
        if name not in ("delete", "delete many", "batch"):
            assert answer.json()["index"] == "pending"
        with anyio.fail_after(5):
            while (await client.get("/v1/a/stats")).json()["wal"] != 1:
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("name", CALLS)
async def test_another_wait_is_refused(name: str) -> None:
    async with served(FlakyVectors()) as client:
        await client.put("/v1/a/memories/1", json=TEA)
        answer = await _do(client, CALLS[name], wait="soon")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["path"] == "/wait"


@pytest.mark.parametrize(("fast_core", "status"), [(True, 200), (False, 503)])
async def test_readyz_needs_the_vector_store_only_when_recalls_rest_on_it(
    fast_core: bool, status: int
) -> None:
    vectors = FlakyVectors()
    vectors.is_down = True
    async with served(vectors, fast_core=fast_core) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == status
    [qdrant] = [one for one in answer.json()["dependencies"] if one["name"] == "qdrant"]
    assert (qdrant["ok"], qdrant["required"]) == (False, not fast_core)
