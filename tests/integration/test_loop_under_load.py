"""The event loop stays free while the whole product works: embedding, scanning, JSON, loading."""

import gc
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from sfm_api.app import create_app
from sfm_core.coordinates import Coordinate
from sfm_core.factory import open_runtime
from sfm_core.model import ListQuery, MemoryDraft, Stored, StoreItem
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.testing.loop import responsive_loop
from sfm_core.testing.models import minilm_folder

pytestmark = [pytest.mark.integration, pytest.mark.alone]

TOKEN = "a-token-of-this-test"
ALLOWED_S = 0.05
ATTEMPTS = 5
"""The machine may be busy with others; the best attempt shows what is ours."""
TOPICS = ("tea", "rain", "lisbon", "the train", "a garden", "taxes", "a violin", "soup")


@pytest.fixture(autouse=True)
def no_garbage_of_other_tests() -> Iterator[None]:
    """The collector stops the process for as long as it has objects to look at, and a test run
    has millions that no server has: leave those out.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@asynccontextmanager
async def a_client(dsn: str) -> AsyncGenerator[httpx.AsyncClient]:
    core = CoreSettings(
        postgres_url=Secret(dsn), model_dir=minilm_folder(), recall_deadline_seconds=60.0
    )
    async with open_runtime(core) as runtime:
        app = create_app(runtime, ApiSettings(api_token=Secret(TOKEN)))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://sfm",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=120.0,
        ) as client:
            yield client


def a_batch(number: int, size: int) -> dict[str, object]:
    return {
        "items": [
            {
                "coordinate": [number, i],
                "payload": {"text": f"{TOPICS[i % 8]} and {TOPICS[(i + number) % 8]}, note {i}"},
                "session": f"day {i // 20}",
                "source": "Ann" if i % 2 else "Bob",
                "importance": i % 9,
            }
            for i in range(size)
        ]
    }


async def one_round(client: httpx.AsyncClient, number: int) -> None:
    """A batch, 64 recalls, a filter's first use, a large body and a large page at once."""
    statuses: list[int] = []

    async def call(method: str, path: str, **sent: Any) -> None:
        answer = await client.request(method, path, **sent)
        statuses.append(answer.status_code)

    asked = {"query": f"who talked about {TOPICS[number % 8]}?", "top_k": 20, "explain": True}
    filtered = asked | {"filter": {f"field{number}": {"$exists": False}}}
    large = {"text": "large", "payload": {"blob": ["x" * 4000 + "\\" * 80] * 200}}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: call("POST", "/v1/load/memories:batch", json=a_batch(number, 300)))
        tasks.start_soon(lambda: call("PUT", f"/v1/load/memories/{number},-1", json=large))
        tasks.start_soon(lambda: call("POST", "/v1/load/recall", json=filtered))
        tasks.start_soon(lambda: call("GET", "/v1/load/memories?limit=1000"))
        for _ in range(64):
            tasks.start_soon(lambda: call("POST", "/v1/load/recall", json=asked))
    assert set(statuses) <= {200, 201}


async def test_the_loop_comes_round_within_50_ms_under_load(fresh_database: str) -> None:
    worst: list[float] = []
    async with a_client(fresh_database) as client:
        for number in range(6):
            answer = await client.post("/v1/load/memories:batch", json=a_batch(100 + number, 1000))
            assert answer.status_code == 200
    for attempt in range(ATTEMPTS):
        async with (
            a_client(fresh_database) as client,  # anew, so that the view is loaded under load
            responsive_loop(within_s=60.0) as heartbeat,
        ):
            await one_round(client, attempt)
        worst.append(heartbeat.worst_s)
        if heartbeat.worst_s <= ALLOWED_S:
            return
    pytest.fail(f"worst gaps of the event loop: {[round(1000 * s) for s in worst]} ms")


def great_drafts(number: int) -> list[StoreItem]:
    """10 MiB of memories: half of them with a place, half without."""
    payload = {f"field{j}": [f"value {k}" for k in range(10)] for j in range(80)}
    return [
        StoreItem(
            coordinate=Coordinate.of([number, i]) if i % 2 else None,
            draft=MemoryDraft(payload={"n": [number, i], **payload}, text=f"tea {i}"),
        )
        for i in range(1000)
    ]


async def test_a_great_batch_and_a_page_of_it_leave_the_loop_free(fresh_database: str) -> None:
    core = CoreSettings(postgres_url=Secret(fresh_database), embedder="hash")
    worst: dict[str, list[float]] = {"batch": [], "page": []}
    async with open_runtime(core) as runtime:
        for attempt in range(ATTEMPTS):
            items = great_drafts(attempt)
            gc.collect()  # of what the test itself has made
            async with responsive_loop(within_s=60.0) as heartbeat:
                stored = await runtime.remember.store_many("great", items)
            assert all(isinstance(result, Stored) for result in stored.results)
            worst["batch"].append(heartbeat.worst_s)
            gc.collect()
            async with responsive_loop(within_s=60.0) as heartbeat:
                page = await runtime.remember.list("great", ListQuery(limit=1000))
            assert len(page.memories) > 100  # it ends with the row that passes 4 MiB
            worst["page"].append(heartbeat.worst_s)
    best = {name: min(gaps) for name, gaps in worst.items()}
    assert max(best.values()) <= ALLOWED_S, best


def a_great_body(number: int) -> bytes:
    """16 MiB as it is sent, less some bytes."""
    payload: dict[str, object] = {
        f"field{j}": [f"value {k}" for k in range(10)] for j in range(134)
    }
    items = [
        {"coordinate": [number, i], "payload": payload | {"n": [number, i]}, "text": f"tea {i}"}
        for i in range(1000)
    ]
    body = json.dumps({"items": items}).encode()
    return body.ljust(16 * 1024 * 1024)


async def test_the_largest_batch_body_leaves_the_loop_free(fresh_database: str) -> None:
    core = CoreSettings(postgres_url=Secret(fresh_database), embedder="hash")
    worst: list[float] = []
    async with (
        open_runtime(core) as runtime,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(
                create_app(runtime, ApiSettings(api_token=Secret(TOKEN)))
            ),
            base_url="http://sfm",
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
            timeout=120.0,
        ) as client,
    ):
        for attempt in range(ATTEMPTS):
            body = a_great_body(attempt)
            gc.collect()
            async with responsive_loop(within_s=60.0) as heartbeat:
                answer = await client.post("/v1/great/memories:batch", content=body)
            assert {result["status"] for result in answer.json()["results"]} == {201}
            worst.append(heartbeat.worst_s)
            if heartbeat.worst_s <= ALLOWED_S:
                return
    pytest.fail(f"worst gaps of the event loop: {[round(1000 * s) for s in worst]} ms")
