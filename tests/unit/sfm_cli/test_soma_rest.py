"""The client over HTTP against answers no SFM should give, and those it should."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from sfm_cli.client import Condition
from sfm_cli.failures import Failure
from sfm_cli.rest import RestClient, open_remote
from sfm_core.coordinates import Coordinate

AT = Coordinate.parse("-1,1e300")
PROBLEM = {"Content-Type": "application/problem+json"}


@asynccontextmanager
async def _answering(
    answer: Callable[[httpx.Request], httpx.Response],
) -> AsyncGenerator[RestClient]:
    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://sfm.test/at") as http:
        yield RestClient(http, "demo")


async def _failure(answer: httpx.Response | Exception) -> Failure:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with _answering(handle) as client:
        with pytest.raises(Failure) as caught:
            await client.get(AT)
    return caught.value


async def test_a_write_carries_its_condition_and_key() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={}, headers={"Idempotent-Replay": "true"})

    async with _answering(handle) as client:
        await client.store(AT, {"payload": {}}, condition=Condition(version=3), key="k")
        await client.store(AT, {"payload": {}}, condition=Condition(absent=True))
        reply = await client.store_bulk([b'{"payload":{}}', b"3"], key="b")
    assert seen[0].url == "http://sfm.test/at/v1/demo/memories/-1,1e+300"
    assert (seen[0].method, seen[0].headers["If-Match"]) == ("PUT", '"3"')
    assert seen[0].headers["Idempotency-Key"] == "k"
    assert seen[1].headers["If-None-Match"] == "*"
    assert "Idempotency-Key" not in seen[1].headers
    assert seen[2].content == b'{"items":[{"payload":{}},3]}'
    assert reply.replayed


async def test_a_problem_is_passed_on_with_the_wait_it_asks_for() -> None:
    document = {"type": "urn:sfm:error:rate-limited", "status": 429, "detail": "slowly"}
    failure = await _failure(
        httpx.Response(429, json=document, headers={**PROBLEM, "Retry-After": "7"})
    )
    assert (failure.document, failure.retry_after_s, failure.code) == (document, 7.0, 5)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (
            httpx.Response(404, text="<html>"),
            8,
            "as SFM does (HTTP 404, text/plain",
        ),
        (httpx.Response(301, headers={"Location": "http://x"}), 8, "HTTP 301, no content type"),
        (httpx.Response(502, text="bad gateway"), 5, "HTTP 502"),
        (httpx.Response(200, text="hello"), 8, "no JSON"),
        (httpx.Response(200, json=[1]), 8, "no JSON"),
        (httpx.ConnectError("refused"), 5, "http://sfm.test/at cannot be reached: refused"),
        (httpx.ReadTimeout("slow"), 5, "http://sfm.test/at does not answer in time"),
    ],
)
async def test_what_is_no_answer_of_sfm_is_told_from_an_outage(
    answer: httpx.Response | Exception, code: int, said: str
) -> None:
    failure = await _failure(answer)
    assert failure.code == code
    assert said in failure.document["detail"]


async def test_the_token_is_sent_and_must_fit_a_header() -> None:
    async with open_remote("http://127.0.0.1:1", "a-token", "demo") as client:
        assert client._http.headers["Authorization"] == "Bearer a-token"
    with pytest.raises(Failure) as caught:
        async with open_remote("http://127.0.0.1:1", "tökén☃", "demo"):
            pass
    assert caught.value.code == 8


async def test_a_proxy_is_not_asked_for_what_listens_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    async with open_remote("http://127.0.0.1:1", None, "demo") as client:
        assert not client._http.trust_env
    async with open_remote("http://memory.test", None, "demo") as client:
        assert client._http.trust_env
