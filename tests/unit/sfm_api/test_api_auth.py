"""Who gets in, how far, and that a refused request is not read."""

import anyio
import httpx
import pytest
from starlette.types import ASGIApp, Message

from sfm_api.app import create_app
from sfm_api.credentials import Access, Principal
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, TEA, TOKEN, running, scope_of
from tests.unit.sfm_api.test_api_bad_input import ALL, OPEN, VALID
from tests.unit.sfm_api.twin_runtime import twin_runtime

RIGHT = TOKEN.encode()


class Keys:
    """Credentials by token."""

    def __init__(self, **principals: Principal) -> None:
        self._principals = principals

    async def principal(self, token: bytes) -> Principal | None:
        return self._principals.get(token.decode("latin-1"))


READER = Principal(name="r", access=frozenset({Access.READ}), namespaces=frozenset({"acme"}))
WRITER = Principal(name="w", access=frozenset({Access.WRITE}), namespaces=frozenset({"acme"}))


@pytest.mark.parametrize("call", ALL, ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize(
    "authorization",
    [None, b"", b"Bearer", b"Bearer ", b"Basic %b" % RIGHT, RIGHT, b"Bearer wrong",
     b"Bearer %bx" % RIGHT, b"Bearer %b" % RIGHT[:-1], b"Bearer %b x" % RIGHT,
     b"Bearer \xff\xfe", b"Bearer %b" % RIGHT.upper()],
    ids=repr,
)  # fmt: skip
async def test_without_a_known_token_every_call_is_401(
    call: tuple[str, str], authorization: bytes | None
) -> None:
    method, url = call
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        del client.headers["authorization"]
        given = [] if authorization is None else [(b"authorization", authorization)]
        answer = await client.request(method, url, json=VALID.get(url), headers=given)
        stored = await runtime.records.namespaces()
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sfm"'
    assert answer.json()["type"] == "urn:sfm:error:unauthenticated"
    assert TOKEN not in answer.text
    assert stored == []


async def test_two_tokens_are_none() -> None:
    async with running() as client:
        answer = await client.get(
            "/v1/namespaces",
            headers=[("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")],
        )
    assert answer.status_code == 401


async def test_the_scheme_is_read_in_any_case() -> None:
    async with running() as client:
        answer = await client.get("/v1/namespaces", headers={"Authorization": f"bearer {TOKEN}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("url", OPEN)
async def test_what_is_open_needs_no_token_and_minds_no_wrong_one(url: str) -> None:
    async with running() as client:
        del client.headers["authorization"]
        without = await client.get(url)
        wrong = await client.get(url, headers={"Authorization": "Bearer wrong"})
    assert (without.status_code, wrong.status_code) == (200, 200)


@pytest.mark.parametrize("call", ALL, ids="{0[0]} {0[1]}".format)
async def test_a_token_without_the_access_is_403(call: tuple[str, str]) -> None:
    method, url = call
    reads = method == "GET" or "recall" in url or "search" in url
    keys = Keys(other=WRITER if reads else READER)
    async with twin_runtime() as runtime, running(runtime=runtime, credentials=keys) as client:
        answer = await client.request(
            method, url, json=VALID.get(url), headers={"Authorization": "Bearer other"}
        )
        assert await runtime.records.namespaces() == []
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:sfm:error:forbidden"


@pytest.mark.parametrize("call", ALL[:-1], ids="{0[0]} {0[1]}".format)
async def test_a_token_of_another_namespace_is_403(call: tuple[str, str]) -> None:
    method, url = call
    everything = Principal(name="b", access=frozenset(Access), namespaces=frozenset({"beta"}))
    keys = Keys(beta=everything)
    async with twin_runtime() as runtime, running(runtime=runtime, credentials=keys) as client:
        client.headers["authorization"] = "Bearer beta"
        other = await client.request(method, url, json=VALID.get(url))
        own = await client.get("/v1/beta/memories")
        assert await runtime.records.namespaces() == []
    assert (other.status_code, own.status_code) == (403, 200)


async def test_a_token_sees_only_its_own_namespaces() -> None:
    async with twin_runtime() as runtime:
        async with running(runtime=runtime) as admin:
            await admin.put("/v1/acme/memories/1", json=TEA)
            await admin.put("/v1/beta/memories/1", json=TEA)
            whole = await admin.get("/v1/namespaces")
        async with running(runtime=runtime, credentials=Keys(reader=READER)) as client:
            client.headers["authorization"] = "Bearer reader"
            own = await client.get("/v1/namespaces")
    assert whole.json() == {"namespaces": ["acme", "beta"]}
    assert own.json() == {"namespaces": ["acme"]}


async def _reads(app: ASGIApp, headers: dict[str, str]) -> tuple[int, int]:
    """Status of a PUT, and how often its body was asked for."""
    asked, statuses = 0, []

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await anyio.sleep_forever()  # the client stays, and says no more
        asked += 1
        return {"type": "http.request", "body": b'{"payload": {}}', "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope_of("PUT", "/v1/acme/memories/1", headers), receive, send)
    return statuses[0], asked


async def test_a_refused_request_is_not_read() -> None:
    good = AUTHORIZED | {"Content-Type": "application/json"}
    async with twin_runtime() as runtime:
        app = create_app(runtime, SETTINGS)
        assert await _reads(app, good) == (201, 1)
        assert await _reads(app, good | {"Authorization": "Bearer no"}) == (401, 0)
        assert await _reads(app, good | {"Content-Type": "text/plain"}) == (415, 0)
        assert await _reads(app, good | {"Content-Length": "1048577"}) == (413, 0)


async def test_a_token_with_letters_beyond_ascii_is_compared_as_bytes() -> None:
    async with running() as client:
        answer = await client.get(
            "/v1/namespaces", headers=[(b"authorization", "Bearer tökén".encode())]
        )
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 401
