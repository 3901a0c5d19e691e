"""How often a token may call, and what every answer says of it."""

import httpx
import pytest
from starlette.types import Message

from sfm_api.app import create_app
from sfm_api.credentials import Access, Principal
from sfm_core.model import Quota
from sfm_core.runtime.metrics import open_telemetry
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, TEA, running, scope_of
from tests.unit.sfm_api.twin_runtime import twin_runtime

QUOTA = Quota(limit=3, window_s=3600.0)
READERS = ("reader-token-1", "reader-token-2")


class Readers:
    """Credentials of two who may only read, and only in `acme`."""

    async def principal(self, token: bytes) -> Principal | None:
        name = token.decode()
        if name not in READERS:
            return None
        return Principal(name=name, access=frozenset({Access.READ}), namespaces=frozenset({"acme"}))


def as_reader(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {READERS[number]}"}


def standing(answer: httpx.Response) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k.startswith("ratelimit-")}


async def test_every_answer_to_a_known_token_says_how_it_stands() -> None:
    async with twin_runtime(quota=QUOTA) as runtime, running(runtime=runtime) as client:
        stored = await client.put("/v1/acme/memories/1", json=TEA)
        missing = await client.get("/v1/acme/memories/2")
        invalid = await client.put("/v1/acme/memories/x", json=TEA)
    assert [a.status_code for a in (stored, missing, invalid)] == [201, 404, 422]
    assert standing(stored) == {
        "ratelimit-limit": "3",
        "ratelimit-remaining": "2",
        "ratelimit-reset": "1200",
        "ratelimit-policy": "3;w=3600",
    }
    assert missing.headers["ratelimit-remaining"] == "1"
    assert invalid.headers["ratelimit-remaining"] == "0"


async def test_one_request_too_many_is_429_and_says_when_to_come_back() -> None:
    telemetry = open_telemetry()
    async with (
        twin_runtime(quota=QUOTA) as runtime,
        running(runtime=runtime, telemetry=telemetry) as client,
    ):
        answers = [await client.get("/v1/namespaces") for _ in range(5)]
        probes = [await client.get(url) for url in ("/healthz", "/readyz", "/metrics", "/")]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    refused = answers[-1]
    assert refused.json()["type"] == "urn:sfm:error:rate-limited"
    assert 1190 < int(refused.headers["retry-after"]) <= 1200
    assert refused.headers["ratelimit-remaining"] == "0"
    assert [probe.status_code for probe in probes] == [200] * 4
    assert not any(standing(probe) for probe in probes)
    assert "sfm_rate_limited_total 2.0" in telemetry.render().decode()
    assert "sfm_limiter_shared 0.0" in telemetry.render().decode()


async def test_an_unknown_token_is_not_counted_and_learns_nothing() -> None:
    async with twin_runtime(quota=QUOTA) as runtime, running(runtime=runtime) as client:
        for _ in range(5):
            answer = await client.get(
                "/v1/namespaces", headers={"Authorization": "Bearer nobody-knows-me"}
            )
            assert answer.status_code == 401
            assert standing(answer) == {}
        assert (await client.get("/v1/namespaces")).headers["ratelimit-remaining"] == "2"


async def test_each_token_has_a_limit_of_its_own_and_forbidden_calls_count() -> None:
    async with (
        twin_runtime(quota=QUOTA) as runtime,
        running(runtime=runtime, credentials=Readers()) as client,
    ):
        url = "/v1/other/memories/1"
        first = [(await client.get(url, headers=as_reader(0))).status_code for _ in range(4)]
        second = await client.get("/v1/acme/stats", headers=as_reader(1))
    assert first == [403, 403, 403, 429]
    assert second.headers["ratelimit-remaining"] == "2"


async def test_a_request_too_many_is_refused_before_its_body_is_read() -> None:
    async def receive() -> Message:
        pytest.fail("the body was asked for")

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with twin_runtime(quota=Quota(limit=1, window_s=60.0)) as runtime:
        app = create_app(runtime, SETTINGS)
        headers = AUTHORIZED | {"Content-Type": "application/json"}
        await app(scope_of("GET", "/v1/namespaces", AUTHORIZED), nothing, send)
        await app(scope_of("PUT", "/v1/acme/memories/1", headers), receive, send)
    assert [m["status"] for m in sent if "status" in m] == [200, 429]


async def test_the_limiter_never_sees_the_token() -> None:
    async with twin_runtime(quota=QUOTA) as runtime, running(runtime=runtime) as client:
        await client.get("/v1/namespaces")
        seen = str(vars(runtime.shared.limiter))
    assert AUTHORIZED["Authorization"].removeprefix("Bearer ") not in seen


async def test_without_a_quota_nobody_is_limited() -> None:
    async with running() as client:
        answers = [await client.get("/v1/namespaces") for _ in range(50)]
    assert {a.status_code for a in answers} == {200}
    assert not any(standing(a) for a in answers)
