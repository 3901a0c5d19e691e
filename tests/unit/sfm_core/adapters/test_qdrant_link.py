"""Calls to Qdrant end within their budget, and what fails is named for what can be done."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from sfm_core.adapters.breaker import FAILURES
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
