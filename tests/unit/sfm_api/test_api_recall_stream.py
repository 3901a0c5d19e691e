"""A recall as server-sent events: the JSON answer in pieces, and what ends it."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.errors import Unavailable
from sfm_core.recall import streaming
from tests.unit.sfm_api.api_client import running
from tests.unit.sfm_api.twin_runtime import twin_runtime

EVENTS = {"Accept": "text/event-stream"}


def read(answer: httpx.Response) -> list[tuple[str, Any]]:
    """(event, data) of each record."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in answer.headers
    found = []
    for record in answer.text.split("\n\n"):
        if record:
            name, data = record.split("\n")
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def fill(client: httpx.AsyncClient, count: int) -> None:
    items = [
        {
            "coordinate": [n],
            "payload": {"said": f"tea number {n % 7}, {'green ' * (n % 5)}"},
            "session": f"s{n % 4}",
            "importance": n % 3,
        }
        for n in range(count)
    ]
    await client.post("/v1/acme/memories:batch", json={"items": items})


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 90),
    st.integers(1, 90),
    st.sampled_from(["hybrid", "vector", "keyword"]),
    st.fixed_dictionaries(
        {},
        optional={
            "budget_tokens": st.integers(1, 300),
            "min_score": st.sampled_from([0.0, 0.5]),
            "explain": st.just(True),
            "explain_for": st.just([[3], [500]]),
            "include": st.just(["payload", "snippet"]),
        },
    ),
)
async def test_the_streamed_hits_are_those_of_the_json_answer_in_its_order(
    count: int, top_k: int, mode: str, more: dict[str, Any]
) -> None:
    asked = {"query": "green tea", "top_k": top_k, "mode": mode, **more}
    async with running() as client:
        await fill(client, count)
        whole = (await client.post("/v1/acme/recall", json=asked)).json()
        events = read(await client.post("/v1/acme/recall", json=asked, headers=EVENTS))
    assert [name for name, _ in events] == ["hit"] * len(whole["hits"]) + ["done"]
    assert [data for name, data in events if name == "hit"] == whole["hits"]
    done = events[-1][1]
    assert {**done, "took_ms": 0} == {
        name: 0 if name == "took_ms" else value for name, value in whole.items() if name != "hits"
    }


async def test_what_is_wrong_with_a_question_is_told_as_a_problem_and_not_as_a_stream() -> None:
    async with running() as client:
        answer = await client.post("/v1/acme/recall", json={"query": ""}, headers=EVENTS)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_outage_after_the_first_hits_ends_the_stream_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        await fill(client, 40)
        fetched = runtime.records.fetch
        calls = 0

        async def failing(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise Unavailable("switched off")
            return await fetched(*args)

        monkeypatch.setattr(runtime.records, "fetch", failing)
        asked = {"query": "tea", "top_k": 30}
        events = read(await client.post("/v1/acme/recall", json=asked, headers=EVENTS))
    assert [name for name, _ in events] == ["hit"] * streaming.FIRST + ["error"]
    assert events[-1][1]["status"] == 503


async def test_what_is_deleted_while_a_stream_runs_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        await fill(client, 30)
        asked = {"query": "tea", "top_k": 30}
        before = (await client.post("/v1/acme/recall", json=asked)).json()["hits"]
        last = before[-1]["coordinate"]
        fetched = runtime.records.fetch
        calls = 0

        async def then_deleted(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            found = await fetched(*args)
            if calls == 1:
                monkeypatch.undo()
                await client.delete(f"/v1/acme/memories/{last[0]}")
            return found

        monkeypatch.setattr(runtime.records, "fetch", then_deleted)
        events = read(await client.post("/v1/acme/recall", json=asked, headers=EVENTS))
    shown = [data["coordinate"] for name, data in events if name == "hit"]
    assert shown == [hit["coordinate"] for hit in before[:-1]]
