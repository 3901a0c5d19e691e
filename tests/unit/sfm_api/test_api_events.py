"""The log over HTTP: pages, and streams over real sockets."""

import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from sfm_api import event_stream
from sfm_api.app import create_app
from sfm_api.guards import Gate
from sfm_api.limits import Limits
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Unavailable
from sfm_core.model import MemoryDraft
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, TEA, running
from tests.unit.sfm_api.twin_runtime import twin_runtime
from tests.unit.sfm_core.test_http_server import Served, served

STREAM = {"Accept": "text/event-stream"}


@dataclass
class Told:
    """One record of a stream."""

    id: int
    type: str
    data: dict[str, Any]


async def told(answer: httpx.Response) -> AsyncIterator[Told]:
    """The records of a stream, as they come; comments are passed over."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


@asynccontextmanager
async def serving(
    runtime: Runtime, *, limits: Limits | None = None
) -> AsyncGenerator[tuple[Served, httpx.AsyncClient, Gate]]:
    """The app on a socket whose drain time is far beyond any test's."""
    app = create_app(runtime, SETTINGS, limits=limits)
    async with (
        served(app, drain_s=60) as server,
        httpx.AsyncClient(base_url=server.url, headers=AUTHORIZED, timeout=10) as client,
    ):
        yield server, client, followers_of(app)


def followers_of(app: Starlette) -> Gate:
    gate: Gate = app.user_middleware[0].kwargs["services"].followers  # type: ignore[attr-defined]
    return gate


async def empties(gate: Gate) -> None:
    while gate.inside:
        await anyio.lowlevel.checkpoint()


async def test_pages_tell_what_happened_in_order() -> None:
    async with running() as client:
        await client.put("/v1/a/memories/1", json=TEA | {"tags": ["t"], "importance": 2.5})
        await client.put("/v1/a/memories/1", json=TEA)
        await client.delete("/v1/a/memories/1")
        await client.put("/v1/b/memories/1", json=TEA)
        first = (await client.get("/v1/a/events?limit=2")).json()
        second = (await client.get(f"/v1/a/events?after={first['position']}")).json()
    assert [e["type"] for e in first["events"]] == ["created", "updated"]
    assert (first["more"], second["more"]) == (True, False)
    [end] = second["events"]
    assert (end["type"], end["version"], end["coordinate"]) == ("deleted", 3, [1])
    assert "payload" not in end
    made = first["events"][0]
    assert (made["payload"], made["tags"], made["importance"]) == (TEA["payload"], ["t"], 2.5)
    assert second["position"] == end["position"]
    assert {e["namespace"] for e in first["events"]} == {"a"}


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("after=-1", "/after"),
        ("after=9223372036854775808", "/after"),
        ("after=x", "/after"),
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("since=1", "/since"),
    ],
)
async def test_a_wrong_question_is_told_with_its_path(asked: str, path: str) -> None:
    async with running() as client:
        answer = await client.get(f"/v1/a/events?{asked}")
        stream = await client.get(f"/v1/a/events?{asked}", headers=STREAM)
    for one in (answer, stream):
        assert one.status_code == 422
        assert [error["path"] for error in one.json()["errors"]] == [path]


@pytest.mark.parametrize("last", ["7x", ""])
@pytest.mark.parametrize("accept", [STREAM, {}])
async def test_a_last_event_id_that_is_none_is_refused(accept: dict[str, str], last: str) -> None:
    async with running() as client:
        answer = await client.get("/v1/a/events", headers=accept | {"Last-Event-ID": last})
    assert answer.status_code == 422


async def test_an_outage_is_no_empty_log_and_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object, **__: object) -> None:
        raise Unavailable("the record store does not answer")

    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        monkeypatch.setattr(runtime.events, "page", down)
        assert (await client.get("/v1/a/events")).status_code == 503
        assert (await client.get("/v1/a/events", headers=STREAM)).status_code == 503


async def test_a_stream_tells_what_was_and_what_comes() -> None:
    async with twin_runtime() as runtime, serving(runtime) as (_, client, gate):
        await client.put("/v1/a/memories/1", json=TEA)
        async with client.stream("GET", "/v1/a/events", headers=STREAM) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            records = told(answer)
            first = await anext(records)
            await client.put("/v1/b/memories/1", json=TEA)
            await client.delete("/v1/a/memories/1")
            second = await anext(records)
        assert [first.type, second.type] == ["created", "deleted"]
        page = (await client.get("/v1/a/events")).json()
        assert [first.data, second.data] == page["events"]
        assert [first.id, second.id] == [event["position"] for event in page["events"]]
        await empties(gate)


async def test_a_client_that_comes_back_after_a_restart_misses_and_repeats_nothing() -> None:
    seen: list[int] = []
    async with twin_runtime() as runtime:
        for start in (0, 4, 8):
            async with serving(runtime) as (server, client, _):
                headers = STREAM | ({"Last-Event-ID": str(seen[-1])} if seen else {})
                async with client.stream("GET", "/v1/a/events", headers=headers) as answer:
                    records = told(answer)
                    for n in range(start, start + 4):
                        await client.put(f"/v1/a/memories/{n}", json=TEA)
                    # the fourth is missed, and told after the restart
                    seen += [(await anext(records)).id for _ in range(3)]
                    server.stopping.set()
        page = (await runtime.events.page("a", after=0, limit=100)).events
    expected = [event.position for event in page]
    assert seen == expected[: len(seen)]
    assert len(seen) == 9


async def test_the_last_event_id_goes_before_the_parameter() -> None:
    async with twin_runtime() as runtime, serving(runtime) as (_, client, _gate):
        for n in range(3):
            await client.put(f"/v1/a/memories/{n}", json=TEA)
        first = (await client.get("/v1/a/events?limit=1")).json()["position"]
        headers = STREAM | {"Last-Event-ID": str(first + 1)}
        async with client.stream("GET", "/v1/a/events?after=0", headers=headers) as answer:
            assert (await anext(told(answer))).id == first + 2


async def test_a_stop_ends_streams_at_once_and_whole() -> None:
    """The drain time is a minute: a follower that held it up would fail this."""
    async with twin_runtime() as runtime, serving(runtime) as (server, client, gate):
        await client.put("/v1/a/memories/1", json=TEA)
        async with client.stream("GET", "/v1/a/events", headers=STREAM) as answer:
            records = told(answer)
            await anext(records)
            server.stopping.set()
            assert [one async for one in records] == []
        await server.stopped.wait()
        assert gate.inside == 0


async def test_a_quiet_stream_is_kept_open_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "IDLE_S", 0.0)
    async with (
        twin_runtime() as runtime,
        serving(runtime) as (_, client, _gate),
        client.stream("GET", "/v1/a/events", headers=STREAM) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        assert [await anext(lines) for _ in range(3)] == ["", ": quiet", ""]


async def test_a_stream_ends_by_itself_after_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LIFE_S", 0.05)
    async with twin_runtime() as runtime, serving(runtime) as (_, client, _gate):
        answer = await client.get("/v1/a/events", headers=STREAM)
    assert answer.status_code == 200


async def test_a_stream_whose_store_fails_ends_for_the_client_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with twin_runtime() as runtime, serving(runtime) as (_, client, _gate):
        await client.put("/v1/a/memories/1", json=TEA)
        async with client.stream("GET", "/v1/a/events", headers=STREAM) as answer:
            records = told(answer)
            await anext(records)

            async def down(*_: object, **__: object) -> None:
                raise Unavailable("the record store does not answer")

            monkeypatch.setattr(runtime.events, "page", down)
            assert [one async for one in records] == []


async def test_one_follower_too_many_is_refused_and_a_gone_one_makes_room() -> None:
    limits = Limits(followers=1)
    async with twin_runtime() as runtime, serving(runtime, limits=limits) as (_, client, gate):
        async with client.stream("GET", "/v1/a/events", headers=STREAM):
            refused = await client.get("/v1/a/events", headers=STREAM)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert (await client.get("/v1/a/events")).status_code == 200
        await empties(gate)
        async with client.stream("GET", "/v1/a/events", headers=STREAM) as again:
            assert again.status_code == 200


async def test_a_reader_that_takes_nothing_is_cut() -> None:
    limits = Limits(request_s=0.3)
    big = MemoryDraft(payload={"said": "x" * 200_000})
    async with (
        twin_runtime() as runtime,
        serving(runtime, limits=limits) as (server, _, gate),
        await anyio.connect_tcp("127.0.0.1", server.port) as reader,
    ):
        raw = reader.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lines = [f"{name}: {value}" for name, value in (AUTHORIZED | STREAM).items()]
        head = "\r\n".join(["GET /v1/a/events HTTP/1.1", "Host: x", *lines, "", ""])
        await reader.send(head.encode())
        while not gate.inside:
            await anyio.lowlevel.checkpoint()
        for n in range(40):
            await runtime.remember.store("a", Coordinate(str(n)), big)
        with anyio.fail_after(10):
            await empties(gate)
