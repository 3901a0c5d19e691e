"""Calls to Qdrant end within their budget, and what fails is named for what can be done."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from sfm_core.adapters.breaker import FAILURES
from sfm_core.adapters.qdrant import places
from sfm_core.adapters.qdrant.link import Absent, QdrantLink, Refused, Unwelcome
from sfm_core.errors import Unavailable
from sfm_core.testing.fakes import RecordingTelemetry

type Ask = Callable[[AsyncQdrantClient], Awaitable[Any]]


def a_link(telemetry: RecordingTelemetry | None = None, *, budget_s: float = 5.0) -> QdrantLink:
    nobody: Any = None
    return QdrantLink(nobody, telemetry=telemetry, budget_s=budget_s)


def raising(error: Exception) -> Ask:
    async def ask(_: AsyncQdrantClient) -> None:
        raise error

    return ask


def answered(status: int) -> Exception:
    content = b'{"status":{"error":"no such thing"}}'
    return UnexpectedResponse(status, "", content, httpx.Headers())


async def seven(_: AsyncQdrantClient) -> int:
    return 7


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (answered(404), Absent, "no such collection"),
        (answered(400), Refused, "no such thing"),
        (answered(401), Unwelcome, "QDRANT_API_KEY"),
        (answered(403), Unwelcome, "QDRANT_API_KEY"),
        (answered(500), Unavailable, "fails"),
        (ResponseHandlingException(httpx.ConnectError("x")), Unavailable, "does not answer"),
        (OSError("x"), Unavailable, "does not answer"),
    ],
)
async def test_each_failure_is_named(error: Exception, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        await a_link().call("put", raising(error))


async def test_a_call_that_takes_too_long_is_an_outage() -> None:
    link = a_link(budget_s=0.0)

    async def never(_: AsyncQdrantClient) -> None:
        await anyio.sleep_forever()

    with pytest.raises(Unavailable, match="in time"):
        await link.call("put", never)


async def test_after_failures_in_a_row_calls_are_passed_by() -> None:
    link = a_link()
    for _ in range(FAILURES):
        assert not link.is_broken
        with pytest.raises(Unavailable):
            await link.call("put", raising(OSError()))
    assert link.is_broken
    with pytest.raises(Unavailable, match="Qdrant is passed by"):
        await link.call("put", seven)


async def test_a_server_that_refuses_answers_all_the_same() -> None:
    link = a_link()
    for _ in range(FAILURES + 1):
        with pytest.raises(Refused):
            await link.call("put", raising(answered(422)))
    assert await link.call("put", seven) == 7


async def test_each_call_is_measured() -> None:
    telemetry = RecordingTelemetry()
    link = a_link(telemetry)
    await link.call("search", seven)
    with pytest.raises(Absent):
        await link.call("put", raising(answered(404)))
    assert [(name, labels) for name, _, labels in telemetry.observed] == [
        ("vector_store_duration_seconds", {"operation": "search", "outcome": "ok"}),
        ("vector_store_duration_seconds", {"operation": "put", "outcome": "unavailable"}),
    ]


async def test_the_wait_for_a_place_is_no_fault_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a budget that a call alone keeps to, and all of them one after the other do not."""
    monkeypatch.setattr(places, "CONNECTIONS", 2)
    link = a_link(budget_s=0.2)
    under_way: list[int] = []
    running = 0

    async def busy(_: AsyncQdrantClient) -> None:
        nonlocal running
        running += 1
        under_way.append(running)
        await anyio.sleep(0.02)
        running -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(link.call, "put", busy)
    assert len(under_way) == 40
    assert max(under_way) == 2
    assert not link.is_broken


async def test_who_waits_for_a_place_does_not_call_a_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "CONNECTIONS", 1)
    link, calls = a_link(), 0

    async def down(_: AsyncQdrantClient) -> None:
        nonlocal calls
        calls += 1
        await anyio.lowlevel.checkpoint()
        raise OSError

    async def one() -> None:
        with pytest.raises(Unavailable):
            await link.call("put", down)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)
    assert calls == FAILURES


async def test_no_place_in_time_is_said_and_not_held_against_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "CONNECTIONS", 1)
    link = a_link()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.call, "put", _forever)
        await anyio.wait_all_tasks_blocked()
        for _ in range(FAILURES):
            with pytest.raises(Unavailable, match="too many calls"):
                await link.call("put", seven, patience_s=0.0)
        assert not link.is_broken
        tasks.cancel_scope.cancel()
    assert await link.call("search", seven, patience_s=1.0) == 7


async def test_callers_in_a_hurry_stop_asking_a_frozen_server_and_others_still_do() -> None:
    link, calls = a_link(), 0

    async def frozen(_: AsyncQdrantClient) -> None:
        nonlocal calls
        calls += 1
        await anyio.sleep_forever()

    for _ in range(FAILURES + 3):
        with pytest.raises(Unavailable):
            await link.call("search", frozen, patience_s=0.001)
    assert calls == FAILURES
    assert link.is_broken
    assert await link.call("put", seven) == 7
    with pytest.raises(Unavailable, match="passed by"):
        await link.call("search", seven, patience_s=0.001)


async def _forever(_: AsyncQdrantClient) -> None:
    await anyio.sleep_forever()
