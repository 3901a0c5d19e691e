"""Patch, history, versions, restore and delete-many over HTTP."""

from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
import httpx
import pytest

from sfm_core.testing.fakes import ManualClock
from tests.unit.sfm_api.api_client import TEA, running
from tests.unit.sfm_api.twin_runtime import twin_runtime

ONE = "/v1/acme/memories/1"
MANY = "/v1/acme/memories:delete"
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def types(history: httpx.Response) -> list[str]:
    return [version["type"] for version in history.json()["versions"]]


async def test_a_patch_changes_what_it_names() -> None:
    async with running() as client:
        stored = await client.put(ONE, json=TEA | {"tags": ["a"], "session": "s"})
        patched = await client.patch(
            ONE, json={"payload": {"cup": "blue", "said": None}, "pinned": True, "tags": ["b"]}
        )
        found = (await client.get(ONE)).json()
    assert patched.status_code == 200
    assert (patched.headers["etag"], patched.json()["version"]) == ('"2"', 2)
    assert int(patched.headers["sfm-position"]) == patched.json()["position"]
    assert patched.json()["created"] is False
    assert patched.json()["id"] == stored.json()["id"]
    assert found["payload"] == {"cup": "blue"}
    assert (found["pinned"], found["tags"], found["session"]) == (True, ["b"], "s")
    assert found["text"] == "blue"


async def test_a_patched_text_is_found_by_its_new_words_only() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        await client.patch(ONE, json={"payload": {"said": "the roof leaks"}})
        ask = partial(client.post, "/v1/acme/recall")
        new = await ask(json={"query": "roof", "mode": "keyword"})
        old = await ask(json={"query": "tea", "mode": "keyword"})
    assert [hit["version"] for hit in new.json()["hits"]] == [2]
    assert old.json()["hits"] == []


async def test_a_patch_that_changes_nothing_keeps_the_version() -> None:
    async with running() as client:
        stored = await client.put(ONE, json=TEA)
        patched = await client.patch(ONE, json={"payload": TEA["payload"], "importance": 1.0})
        history = await client.get(f"{ONE}/history")
    assert patched.headers["etag"] == '"1"'
    assert patched.json()["event_id"] == stored.json()["event_id"]
    assert types(history) == ["created"]


async def test_a_patch_obeys_if_match() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        good = await client.patch(ONE, json={"pinned": True}, headers={"If-Match": '"1"'})
        stale = await client.patch(ONE, json={"pinned": False}, headers={"If-Match": '"1"'})
        odd = await client.patch(ONE, json={"pinned": False}, headers={"If-None-Match": "*"})
        nowhere = await client.patch("/v1/acme/memories/2", json={"pinned": False})
        found = await client.get(ONE)
    assert [a.status_code for a in (good, stale, odd, nowhere)] == [200, 412, 412, 404]
    assert found.json()["pinned"] is True


async def test_of_patches_at_once_none_is_lost() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        answers: list[httpx.Response] = []

        async def patch(name: str) -> None:
            answers.append(await client.patch(ONE, json={"payload": {name: 1}}))

        async with anyio.create_task_group() as tasks:
            for i in range(8):
                tasks.start_soon(patch, f"k{i}")
        found = (await client.get(ONE)).json()
    assert [answer.status_code for answer in answers] == [200] * 8
    assert {answer.json()["version"] for answer in answers} == set(range(2, 10))
    assert set(found["payload"]) == {"said", *(f"k{i}" for i in range(8))}


async def test_a_payload_that_grows_too_large_by_patches_is_refused_as_a_whole() -> None:
    half = {"said": ["x" * 100] * 6000}
    async with running() as client:
        await client.put(ONE, json={"payload": half, "text": "short"})
        answer = await client.patch(ONE, json={"payload": {"more": half["said"]}})
        found = await client.get(ONE)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["path"] == "/payload"
    assert found.json()["version"] == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({}, ""),
        ({"importance": None}, "/importance"),
        ({"tags": None}, "/tags"),
        ({"payload": None}, "/payload"),
        ({"kind": "semantic"}, "/kind"),
        ({"id": "x"}, "/id"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_patch_is_refused_by_path_and_changes_nothing(
    change: dict[str, object], path: str
) -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        answer = await client.patch(ONE, json=change)
        found = await client.get(ONE)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert found.headers["etag"] == '"1"'


async def test_the_history_of_a_deleted_memory_is_there_in_pages() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        await client.patch(ONE, json={"importance": 2})
        await client.delete(ONE)
        first = await client.get(f"{ONE}/history", params={"limit": 2})
        second = await client.get(f"{ONE}/history", params={"limit": 2, "before": 2})
        never = await client.get("/v1/acme/memories/2/history")
    assert (first.status_code, never.status_code) == (200, 404)
    assert types(first) + types(second) == ["deleted", "updated", "created"]
    assert (first.json()["next_before"], second.json()["next_before"]) == (2, None)
    end, updated = first.json()["versions"]
    assert set(end) == {"version", "type", "at", "position", "event_id"}
    assert (updated["payload"], updated["importance"]) == (TEA["payload"], 2.0)


async def test_an_older_version_can_be_got() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        now = await client.get(ONE)
        await client.put(ONE, json={"payload": {"n": 1}})
        await client.delete(ONE)
        first, end, never, bad = [
            await client.get(ONE, params={"version": version}) for version in ("1", "3", "4", "x")
        ]
    assert first.json() | {"importance_norm": 0} == now.json() | {"importance_norm": 0}
    assert first.headers["etag"] == '"1"'
    assert [a.status_code for a in (first, end, never, bad)] == [200, 404, 404, 422]
    assert bad.json()["errors"][0]["path"] == "/version"


async def test_a_restore_undoes_a_deletion_and_happens_when_it_happened() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        before = (await client.get(ONE)).json()
        await client.delete(ONE)
        restored = await client.post(f"{ONE}:restore", json={"version": 1})
        after = (await client.get(ONE)).json()
        recalled = await client.post("/v1/acme/recall", json={"query": "green tea"})
        history = await client.get(f"{ONE}/history")
    assert restored.status_code == 200
    assert (restored.headers["etag"], restored.json()["created"]) == ('"3"', False)
    for name in ("payload", "text", "importance", "tags", "created_at"):
        assert after[name] == before[name]
    assert [hit["version"] for hit in recalled.json()["hits"]] == [3]
    assert types(history) == ["restored", "deleted", "created"]


async def test_a_restore_is_refused_for_what_is_no_version_to_restore() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        await client.delete(ONE)
        restore = partial(client.post, f"{ONE}:restore")
        end = await restore(json={"version": 2})
        unknown = await restore(json={"version": 3})
        bad = await restore(json={"version": 0})
        stale = await restore(json={"version": 1}, headers={"If-Match": '"2"'})
        absent = await restore(json={"version": 1}, headers={"If-None-Match": "*"})
        taken = await restore(json={"version": 1}, headers={"If-None-Match": "*"})
        place = await client.post("/v1/acme/memories/x:restore", json={"version": 1})
    found = (end, unknown, bad, stale, absent, taken, place)
    assert [a.status_code for a in found] == [422, 404, 422, 412, 200, 412, 422]
    assert end.json()["errors"][0]["path"] == "/version"
    assert place.json()["errors"][0]["path"] == "/coordinate/0"


async def test_many_are_deleted_by_coordinates_or_by_a_filter() -> None:
    async with running() as client:
        for i in range(5):
            await client.put(f"/v1/acme/memories/{i}", json={"payload": {"n": i}})
        named = await client.post(MANY, json={"coordinates": [[0], [99], [0.0]]})
        admitted = await client.post(MANY, json={"filter": {"n": {"$gte": 3}}})
        left = (await client.get("/v1/acme/memories")).json()["memories"]
        rest = await client.post(MANY, json={"all": True})
        none = await client.post(MANY, json={"all": True})
        recalled = await client.post("/v1/acme/recall", json={"query": "n"})
    answers = (named, admitted, rest, none)
    assert [a.json() for a in answers] == [{"deleted": n} for n in (1, 2, 2, 0)]
    assert [memory["payload"]["n"] for memory in left] == [1, 2]
    assert int(rest.headers["sfm-position"]) == 10
    assert none.headers["sfm-position"] == "0"
    assert recalled.json()["hits"] == []


@pytest.mark.parametrize(
    ("selection", "path"),
    [
        ({}, ""),
        ({"filter": {}}, "/filter"),
        ({"filter": {"$and": [{}]}}, "/filter"),
        ({"filter": {"@session": {"$nin": []}}}, "/filter"),
        ({"all": False}, "/all"),
        ({"coordinates": []}, "/coordinates"),
        ({"coordinates": [[1]], "filter": {"n": 1}}, ""),
        ({"kind": "episodic"}, ""),
    ],
)
async def test_nothing_is_deleted_by_what_does_not_say_what_is_meant(
    selection: dict[str, object], path: str
) -> None:
    async with running() as client:
        await client.put(ONE, json=TEA)
        answer = await client.post(MANY, json=selection)
        found = await client.get(ONE)
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json()["errors"]]
    assert found.status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PATCH", ONE, {"importance": 3}),
        ("PATCH", ONE, {"importance": 1}),
        ("POST", f"{ONE}:restore", {"version": 1}),
        ("POST", MANY, {"coordinates": [[1]]}),
        ("POST", MANY, {"filter": {"said": {"$exists": True}}}),
        ("POST", MANY, {"all": True}),
    ],
)
async def test_every_change_replays_and_its_key_serves_nothing_else(
    method: str, url: str, body: dict[str, object]
) -> None:
    key = {"Idempotency-Key": "k-1"}
    async with running() as client:
        await client.put(ONE, json=TEA)
        first = await client.request(method, url, json=body, headers=key)
        await client.put(ONE, json=TEA | {"importance": 7})
        second = await client.request(method, url, json=body, headers=key)
        found = await client.get(ONE)
        other = await client.request(method, url, json={**body, "x": 1}, headers=key)
        reused = await client.put(ONE, json=TEA, headers=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert second.headers["sfm-position"] == first.headers["sfm-position"]
    assert second.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers
    assert found.json()["importance"] == 7.0
    assert (other.status_code, reused.status_code) == (422, 422)
    assert reused.json()["type"] == "urn:sfm:error:key-reused"


async def test_expiry_hides_a_memory_from_every_read_of_what_is_in_the_same_moment() -> None:
    clock = ManualClock(MAY)
    soon = {"expires_at": "2026-05-01T00:00:01Z"}
    async with twin_runtime(clock=clock) as runtime, running(runtime=runtime) as client:
        await client.put(ONE, json=TEA | soon)

        async def seen() -> list[object]:
            query = {"query": "green tea"}
            got = await client.get(ONE)
            listed = await client.get("/v1/acme/memories")
            recalled = await client.post("/v1/acme/recall", json=query)
            words = await client.post("/v1/acme/recall", json=query | {"mode": "keyword"})
            inside = await client.get("/v1/acme/range", params={"min": "0", "max": "2"})
            literal = await client.post("/v1/acme/keyword-search", json={"term": "green"})
            patched = await client.patch(ONE, json={"importance": 1})
            return [
                got.status_code,
                len(listed.json()["memories"]),
                len(recalled.json()["hits"]),
                len(words.json()["hits"]),
                len(inside.json()["memories"]),
                len(literal.json()["hits"]),
                patched.status_code,
            ]

        clock.advance(timedelta(seconds=1) - timedelta(microseconds=1))
        before = await seen()
        clock.advance(timedelta(microseconds=1))
        after = await seen()
        admitted = await client.post(MANY, json={"filter": {"said": {"$exists": True}}})
        history = await client.get(f"{ONE}/history")
        first = await client.get(ONE, params={"version": 1})
        await client.post(f"{ONE}:restore", json={"version": 1})
        back = await client.get(ONE)
    assert before == [200, 1, 1, 1, 1, 1, 200]
    assert after == [404, 0, 0, 0, 0, 0, 404]
    assert admitted.json() == {"deleted": 0}
    assert types(history) == ["created"]
    assert first.status_code == 200
    assert (back.status_code, back.json()["expires_at"]) == (200, None)


async def test_a_time_of_expiry_is_taken_away_by_null_and_may_lie_in_the_past() -> None:
    async with running() as client:
        await client.put(ONE, json=TEA | {"expires_at": "2999-01-01T00:00:00Z"})
        await client.patch(ONE, json={"expires_at": None})
        found = await client.get(ONE)
        past = await client.patch(ONE, json={"expires_at": "2000-01-01T00:00:00Z"})
        gone = await client.get(ONE)
    assert found.json()["expires_at"] is None
    assert (past.status_code, gone.status_code) == (200, 404)
