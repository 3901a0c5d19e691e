"""Whatever arrives, the answer is a documented one and never a 5xx."""

import json

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.sfm_api.api_client import running
from tests.unit.sfm_api.test_api_bad_input import ALL, BODIES

QUICK = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
KEYS = st.sampled_from(
    ["payload", "kind", "text", "importance", "tags", "session", "occurred_at", "coordinate",
     "items", "queries", "query", "top_k", "mode", "filter", "box", "weights", "min", "max",
     "include", "explain", "version", "pinned", "expires_at", "coordinates", "all",
     "$and", "$or", "$not", "$in", "$gt", "@tags", "x"]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["episodic", "hybrid", "2026-01-01T00:00:00Z", "payload", "1e400"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
JSON = {"Content-Type": "application/json"}


def well_answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@QUICK
@given(call=st.sampled_from(BODIES), content=st.binary(max_size=64))
async def test_any_bytes_as_a_body(call: tuple[str, str], content: bytes) -> None:
    async with running() as client:
        well_answered(await client.request(*call, content=content, headers=JSON))


@QUICK
@given(call=st.sampled_from(BODIES), value=st.dictionaries(KEYS, VALUES, max_size=6))
async def test_any_object_as_a_body(call: tuple[str, str], value: dict[str, object]) -> None:
    content = json.dumps(value).encode()
    async with running() as client:
        well_answered(await client.request(*call, content=content, headers=JSON))


@QUICK
@given(patches=st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=3))
async def test_any_object_as_a_patch_of_a_payload(patches: list[dict[str, object]]) -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json={"payload": {"x": {"text": "tea"}}})
        versions = 1
        for patch in patches:
            content = json.dumps({"payload": patch}).encode()
            answer = await client.patch("/v1/acme/memories/1", content=content, headers=JSON)
            well_answered(answer)
            versions = answer.json().get("version", versions)
        answer = await client.post("/v1/acme/memories/1:restore", json={"version": versions})
        assert answer.status_code == 200
        history = (await client.get("/v1/acme/memories/1/history")).json()["versions"]
        assert history[0]["payload"] == history[1]["payload"]


@QUICK
@given(
    call=st.sampled_from(ALL),
    tail=st.binary(max_size=12).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw)),
)
@example(call=("GET", "/v1/acme/stats"), tail="%0A")
async def test_any_bytes_in_the_path_and_the_query(call: tuple[str, str], tail: str) -> None:
    method, url = call
    async with running() as client:
        well_answered(await client.request(method, f"{url}{tail}"))
        well_answered(await client.request(method, f"{url}?{tail}=1&cursor={tail}&tag={tail}"))
        well_answered(await client.request(method, url.replace("acme", f"a{tail}")))


@QUICK
@given(
    name=st.sampled_from(
        ["Idempotency-Key", "If-Match", "If-None-Match", "X-Request-ID", "Accept",
         "Content-Type", "Content-Encoding", "Authorization", "Content-Length", "Origin"]
    ),
    value=st.binary(max_size=40),
)  # fmt: skip
async def test_any_bytes_in_a_header(name: str, value: bytes) -> None:
    async with running() as client:
        headers = [*JSON.items(), (name.encode(), value)]
        answer = await client.put(
            "/v1/acme/memories/1",
            content=b'{"payload": {}}',
            headers=headers,  # type: ignore[arg-type]
        )
        well_answered(answer)
