"""Keys, replays and preconditions over HTTP."""

import pytest

from tests.unit.sfm_api.api_client import TEA, running


async def test_the_same_key_and_request_give_the_same_answer_and_one_version() -> None:
    key = {"Idempotency-Key": "k-1"}
    async with running() as client:
        first = await client.put("/v1/acme/memories/1", json=TEA, headers=key)
        second = await client.put("/v1/acme/memories/1", json=TEA, headers=key)
        found = await client.get("/v1/acme/memories/1")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert "idempotent-replay" not in first.headers
    assert second.headers["idempotent-replay"] == "true"
    assert found.json()["version"] == 1


async def test_a_retry_written_otherwise_is_the_same_request() -> None:
    headers = {"Idempotency-Key": "k-1", "Content-Type": "application/json"}
    async with running() as client:
        await client.put(
            "/v1/acme/memories/1", content=b'{"payload":{"a":1,"b":2}}', headers=headers
        )
        again = await client.put(
            "/v1/acme/memories/1.0",
            content=b'{ "payload" : {"b": 2, "a": 1} }',
            headers=headers,
        )
    assert again.headers["idempotent-replay"] == "true"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/acme/memories/1", {"payload": {"other": 1}}),
        ("PUT", "/v1/acme/memories/2", TEA),
        ("POST", "/v1/acme/memories", TEA),
        ("POST", "/v1/acme/memories:batch", {"items": [TEA]}),
        ("DELETE", "/v1/acme/memories/1", None),
    ],
)
async def test_the_same_key_with_another_request_is_refused(
    method: str, path: str, body: object
) -> None:
    key = {"Idempotency-Key": "k-1"}
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA, headers=key)
        other = await client.request(method, path, json=body, headers=key)
        found = await client.get("/v1/acme/memories")
    assert other.status_code == 422
    assert other.json()["type"] == "urn:sfm:error:key-reused"
    assert [memory["version"] for memory in found.json()["memories"]] == [1]


async def test_a_key_counts_within_its_namespace() -> None:
    key = {"Idempotency-Key": "k-1"}
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA, headers=key)
        other = await client.put("/v1/beta/memories/1", json={"payload": {}}, headers=key)
    assert other.status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/acme/memories", TEA),
        ("POST", "/v1/acme/memories:batch", {"items": [TEA, {"payload": {"n": 1}}]}),
    ],
)
async def test_every_write_replays(method: str, path: str, body: object) -> None:
    key = {"Idempotency-Key": "k-2"}
    async with running() as client:
        first = await client.request(method, path, json=body, headers=key)
        second = await client.request(method, path, json=body, headers=key)
    assert second.json() == first.json()
    assert second.headers["idempotent-replay"] == "true"
    assert second.headers["sfm-position"] == first.headers["sfm-position"]


async def test_a_replayed_delete_does_not_delete_what_was_stored_since() -> None:
    key = {"Idempotency-Key": "k-3"}
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        await client.delete("/v1/acme/memories/1", headers=key)
        await client.put("/v1/acme/memories/1", json=TEA)
        replay = await client.delete("/v1/acme/memories/1", headers=key)
        found = await client.get("/v1/acme/memories/1")
    assert replay.status_code == 204
    assert replay.headers["idempotent-replay"] == "true"
    assert found.status_code == 200


@pytest.mark.parametrize("key", [b"", b" ", b"with space", b"k" * 256, b"\xe9", b"\x01"])
async def test_a_malformed_key_is_refused(key: bytes) -> None:
    async with running() as client:
        answer = await client.put(
            "/v1/acme/memories/1", json=TEA, headers=[(b"Idempotency-Key", key)]
        )
        found = await client.get("/v1/acme/memories/1")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "/Idempotency-Key"
    assert found.status_code == 404


async def test_a_version_that_moved_on_fails_the_precondition() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        good = await client.put("/v1/acme/memories/1", json=TEA, headers={"If-Match": '"1"'})
        stale = await client.put("/v1/acme/memories/1", json=TEA, headers={"If-Match": '"1"'})
        absent = await client.put("/v1/acme/memories/2", json=TEA, headers={"If-Match": '"1"'})
        delete = await client.delete("/v1/acme/memories/1", headers={"If-Match": '"1"'})
        found = await client.get("/v1/acme/memories/1")
    assert [a.status_code for a in (good, stale, absent, delete)] == [200, 412, 412, 412]
    assert stale.json()["type"] == "urn:sfm:error:precondition-failed"
    assert found.json()["version"] == 2


async def test_storing_only_where_nothing_is() -> None:
    fresh = {"If-None-Match": "*"}
    async with running() as client:
        first = await client.put("/v1/acme/memories/1", json=TEA, headers=fresh)
        second = await client.put("/v1/acme/memories/1", json=TEA, headers=fresh)
        await client.delete("/v1/acme/memories/1")
        third = await client.put("/v1/acme/memories/1", json=TEA, headers=fresh)
    assert [a.status_code for a in (first, second, third)] == [201, 412, 201]


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "1"},
        {"If-Match": 'W/"1"'},
        {"If-Match": '"0"'},
        {"If-Match": "*"},
        {"If-Match": '"1", "2"'},
        {"If-Match": '"' + "9" * 19 + '"'},
        {"If-None-Match": '"1"'},
        {"If-Match": '"1"', "If-None-Match": "*"},
    ],
)
async def test_a_malformed_precondition_is_not_ignored(headers: dict[str, str]) -> None:
    async with running() as client:
        answer = await client.put("/v1/acme/memories/1", json=TEA, headers=headers)
        found = await client.get("/v1/acme/memories/1")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] in ("/If-Match", "/If-None-Match")
    assert found.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "content_type", "body"),
    [
        ("DELETE", "/v1/acme", "", ""),
        ("POST", "/v1/acme/decay:run", "application/json", "{}"),
        ("POST", "/v1/acme/rebuild", "application/json", '{"projection": "slab"}'),
        ("POST", "/v1/acme/import", "application/x-ndjson", ""),
    ],
)
async def test_a_call_that_heeds_no_key_refuses_one_and_does_nothing(
    method: str, path: str, content_type: str, body: str
) -> None:
    async with running() as client:
        assert (await client.put("/v1/acme/memories/1", json=TEA)).status_code == 201
        said = {"Idempotency-Key": "k", "Content-Type": content_type}
        answer = await client.request(
            method,
            path,
            content=body or None,
            headers={name: value for name, value in said.items() if value},
        )
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["path"] == "/Idempotency-Key"
        assert (await client.get("/v1/acme/memories/1")).status_code == 200
