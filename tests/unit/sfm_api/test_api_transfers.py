"""Exports and imports over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from blockbuster import blockbuster_ctx

from sfm_api.app import create_app
from tests.unit.sfm_api.api_client import SETTINGS, _validator_of, client_of, running
from tests.unit.sfm_api.twin_runtime import twin_runtime

LINKED = (
    b'{"sfm":"version","coordinate":[1],"event":"linked","version":1,'
    b'"updated_at":"2024-01-01T00:00:00Z"}'
)
NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in answer.content.splitlines()]


def valid(documents: list[dict[str, Any]], schema: str) -> list[dict[str, Any]]:
    """The documents, each of which the contract allows."""
    for document in documents:
        errors = list(_validator_of(f"#/components/schemas/{schema}").iter_errors(document))
        assert not errors, (document, errors)
    return documents


@asynccontextmanager
async def two() -> AsyncGenerator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of two services that know nothing of each other."""
    async with twin_runtime() as one, twin_runtime() as other:
        apps = [create_app(runtime, SETTINGS) for runtime in (one, other)]
        async with client_of(apps[0]) as client, client_of(apps[1]) as second:
            with blockbuster_ctx("sfm_api"):
                yield client, second


async def filled(client: httpx.AsyncClient) -> None:
    for place, body in (
        ("1,2", {"payload": {"said": "green tea"}, "importance": 3, "tags": ["a"]}),
        ("3", {"payload": {"said": "walk"}, "session": "s", "occurred_at": "2024-01-01T00:00:00Z"}),
        ("4", {"payload": {"said": "gone"}}),
        ("3", {"payload": {"said": "a long walk"}, "importance": 2.5}),
    ):
        assert (await client.put(f"/v1/a/memories/{place}", json=body)).is_success
    assert (await client.delete("/v1/a/memories/4")).status_code == 204


@pytest.mark.parametrize("asked", ["", "history=true", "vectors=true", "history=true&vectors=true"])
async def test_an_export_imports_elsewhere_and_every_line_is_of_the_contract(asked: str) -> None:
    async with two() as (client, other):
        await filled(client)
        answer = await client.get(f"/v1/a/export?{asked}")
        assert answer.headers["content-type"] == "application/x-ndjson"
        head, *body, end = valid(lines(answer), "ExportLine")
        assert (head["sfm"], head["namespace"], end["sfm"]) == ("export", "a", "end")
        assert end["lines"] == 1 + len(body)
        assert any("vector" in line for line in body) is ("vectors" in asked)
        done = await other.post("/v1/a/import", content=answer.content, headers=NDJSON)
        *results, summary = valid(lines(done), "ImportResult")
        assert all(result["status"] in (200, 201) for result in results)
        assert (summary["complete"], summary["failed"], summary["lines"]) == (
            True,
            0,
            end["lines"] + 1,
        )
        for place in ("1,2", "3"):
            one, same = [(await c.get(f"/v1/a/memories/{place}")).json() for c in (client, other)]
            assert {**one, "position": 0} == {**same, "position": 0}
        assert (await other.get("/v1/a/memories/4")).status_code == 404


async def test_each_bad_line_fails_by_itself_with_its_number_and_path() -> None:
    good = b'{"coordinate":[1],"payload":{}}'
    bad = [
        (b"{", 400, ""),
        (b"[]", 422, ""),
        (b'{"payload":{}}', 422, "/coordinate"),
        (b'{"coordinate":[1],"payload":{"a":1,"a":2}}', 422, "/payload/a"),
        (b'{"coordinate":[1],"payload":{"a":"\\u0000"}}', 422, "/payload/a"),
        (b'{"coordinate":[1],"payload":{"a":"\\ud800"}}', 422, "/payload/a"),
        (b'{"coordinate":[1],"payload":{"a":NaN}}', 422, "/payload/a"),
        (b'{"coordinate":[1],"payload":{"a":99999999999999999999}}', 422, "/payload/a"),
        (b'{"coordinate":[1],"payload":{"a":1e999}}', 422, "/payload/a"),
        (b'{"coordinate":[1],"payload":{"a":' + b"[" * 40 + b"]" * 40 + b"}}", 422, ""),
        (b'{"coordinate":[1],"payload":{},"version":0}', 422, "/version"),
        (b'{"coordinate":[1],"payload":{},"updated_at":"now"}', 422, "/updated_at"),
        (b'{"coordinate":[1],"payload":{},"vector":"???"}', 422, "/vector"),
        (b'{"coordinate":[1],"payload":{},"vector":"AAAA"}', 422, "/vector"),
        (b'{"coordinate":[1],"payload":{},"odd":1}', 422, "/odd"),
        (b'{"coordinate":[1],"payload":[],"sfm":"memory"}', 422, "/payload"),
        (b'{"sfm":"nonsense"}', 422, "/sfm"),
        (b'{"sfm":"version","coordinate":[1]}', 422, "/event"),
        (LINKED, 422, "/event"),
        (b'{"sfm":"sample","coordinate":[1],"version":1}', 422, "/importance"),
        (b'{"sfm":"export","format":2,"model_revision":"r"}', 422, "/format"),
        (b'{"sfm":"end","lines":0,"digest":"x"}', 422, "/sfm"),
        (b'{"sfm":"link","from":[1],"to":[1]}', 422, "/to"),
        (b'{"sfm":"link","from":[1],"weight":0}', 422, "/weight"),
        (b'{"sfm":"link","from":[1],"to":[77]}', 404, None),
        (b"\xff\xfe", 400, ""),
        (b'{"coordinate":[1],"payload":{"a":"' + b"x" * (2 << 20) + b'"}}', 413, ""),
    ]  # fmt: skip
    body = b"\n".join([good, b"", *(line for line, _, _ in bad), good])
    async with running() as client:
        answer = await client.post("/v1/a/import", content=body, headers=NDJSON)
        *results, summary = valid(lines(answer), "ImportResult")
        assert (results[0]["line"], results[0]["outcome"]) == (1, "created")
        assert (results[-1]["line"], results[-1]["outcome"]) == (len(bad) + 3, "unchanged")
        for number, ((line, status, path), result) in enumerate(
            zip(bad, results[1:-1], strict=True), start=3
        ):
            assert (result["line"], result["status"]) == (number, status), line[:80]
            faults = result["error"].get("errors", [{"path": None}])
            assert path in [fault["path"] for fault in faults], (line, result)
        assert (summary["failed"], summary["created"], summary["complete"]) == (len(bad), 1, False)
        assert (await client.get("/v1/a/stats")).json()["total"] == 1


async def test_a_line_may_hold_whatever_a_stored_memory_may() -> None:
    """At the very limits of a body: keys and values around it must not count."""
    keys = {f"k{i}": i for i in range(9_998)}
    async with running() as client:
        for body in (
            orjson.dumps({"payload": keys}),
            b'{"payload":{"a":[' + b",".join([b"1E15"] * 99_990) + b"]}}",
        ):
            json = {"Content-Type": "application/json"}
            put = await client.put("/v1/a/memories/1", content=body, headers=json)
            assert put.is_success
            file = (await client.get("/v1/a/export?history=true&vectors=true")).content
            answer = await client.post("/v1/b/import", content=file, headers=NDJSON)
            assert lines(answer)[-1]["failed"] == 0, lines(answer)


@pytest.mark.parametrize("history", [False, True])
async def test_a_file_that_was_cut_is_noticed_and_what_came_stays(history: bool) -> None:
    async with running() as client:
        await filled(client)
        file = (await client.get(f"/v1/a/export?history={str(history).lower()}")).content
        whole = file.splitlines(keepends=True)
        for cut, complete in (
            (b"".join(whole[:-1]), False),
            (b"".join(whole[:2] + whole[3:]), False),
            (b"".join(whole[:-1]) + whole[-1][:20], False),
            (file.replace(b"green", b"black"), False),
            (file.replace(b"\n", b"\r\n\r\n"), True),
            (file + file, True),
            (file.rstrip(b"\n"), True),
        ):
            answer = await client.post("/v1/b/import", content=cut, headers=NDJSON)
            assert lines(answer)[-1]["complete"] is complete, cut
        assert (await client.get("/v1/b/stats")).json()["total"] == 2
        plain = await client.post("/v1/c/import", content=b"", headers=NDJSON)
        assert lines(plain)[-1]["complete"] is None


async def test_merge_lets_the_newer_win_and_replace_the_file() -> None:
    async with running() as client:
        await client.put("/v1/a/memories/1", json={"payload": {"v": "old"}})
        await client.put("/v1/a/memories/2", json={"payload": {"v": "old"}})
        await client.put("/v1/a/memories/3", json={"payload": {"v": "old"}})
        file = (await client.get("/v1/a/export")).content
        await client.put("/v1/a/memories/1", json={"payload": {"v": "new"}})
        await client.put("/v1/a/memories/4", json={"payload": {"v": "not in the file"}})
        await client.delete("/v1/a/memories/2")
        merged = lines(await client.post("/v1/a/import", content=file, headers=NDJSON))
        assert [r["outcome"] for r in merged[:-1]] == ["kept", "kept", "unchanged"]
        assert (await client.get("/v1/a/memories/1")).json()["payload"] == {"v": "new"}
        replace = "/v1/a/import?mode=replace"
        replaced = lines(await client.post(replace, content=file, headers=NDJSON))
        assert [r["outcome"] for r in replaced[:-1]] == ["updated", "created", "unchanged"]
        assert [r["version"] for r in replaced[:-1]] == [3, 3, 1]
        again = lines(await client.post(replace, content=file, headers=NDJSON))
        assert [r["outcome"] for r in again[:-1]] == ["unchanged"] * 3
        assert (await client.get("/v1/a/memories/2")).json()["payload"] == {"v": "old"}
        assert (await client.get("/v1/a/memories/4")).is_success


async def test_a_history_goes_on_top_of_what_is_there_and_never_backwards() -> None:
    async with two() as (client, other):
        for n in range(3):
            await client.put("/v1/a/memories/1", json={"payload": {"n": n}})
        early = (await client.get("/v1/a/export?history=true")).content
        await other.post("/v1/a/import", content=early, headers=NDJSON)
        for n in range(3, 6):
            await client.put("/v1/a/memories/1", json={"payload": {"n": n}})
        late = (await client.get("/v1/a/export?history=true")).content
        results = lines(await other.post("/v1/a/import", content=late, headers=NDJSON))[:-1]
        assert [r["outcome"] for r in results] == ["unchanged"] * 3 + ["updated"] * 3
        assert [r["version"] for r in results[3:]] == [4, 5, 6]
        one, same = [
            (await c.get("/v1/a/memories/1/history")).json()["versions"] for c in (client, other)
        ]
        assert [{**v, "position": 0} for v in one] == [{**v, "position": 0} for v in same]
        behind = lines(await other.post("/v1/a/import", content=early, headers=NDJSON))
        assert {r["outcome"] for r in behind[:-1]} == {"unchanged", "kept"}


async def test_what_is_asked_wrongly_is_refused_before_anything_is_read() -> None:
    async with running() as client:
        post = client.post
        assert (await post("/v1/a/import?mode=odd", content=b"", headers=NDJSON)).status_code == 422
        assert (await post("/v1/a/import", json={})).status_code == 415
        assert (await client.get("/v1/a/export?history=yes")).status_code == 422
        assert (await client.get("/v1/a/export?odd=1")).status_code == 422
        nobody = {"Authorization": "Bearer nobody-knows-it"}
        assert (await client.get("/v1/a/export", headers=nobody)).status_code == 401
        answer = await post("/v1/a/import", content=b"", headers=NDJSON | nobody)
        assert answer.status_code == 401
        assert (await client.head("/v1/a/export")).status_code == 200


async def test_links_follow_the_newer_too_and_replace_the_file() -> None:
    put = {"from": [1], "to": [2]}
    async with running() as client:
        for place in ("1", "2"):
            await client.put(f"/v1/a/memories/{place}", json={"payload": {}})
        await client.put("/v1/a/links", json=put | {"weight": 2})
        file = (await client.get("/v1/a/export")).content
        link = lines(await client.get("/v1/a/export"))[-2]
        assert (link["sfm"], link["from"], link["to"], link["weight"]) == ("link", [1], [2], 2.0)
        await client.put("/v1/a/links", json=put | {"weight": 3})
        for mode, outcomes in (
            ("merge", ["kept"]),
            ("replace", ["updated"]),
            ("replace", ["unchanged"]),
            ("merge", ["unchanged"]),
        ):
            answer = await client.post(f"/v1/a/import?mode={mode}", content=file, headers=NDJSON)
            results = valid(lines(answer), "ImportResult")
            assert [r["outcome"] for r in results[:-1] if "from" in r] == outcomes, mode
        await client.delete("/v1/a/links", params={"from": "1", "to": "2"})
        answer = await client.post("/v1/a/import", content=file, headers=NDJSON)
        assert lines(answer)[-2]["outcome"] == "kept", "it was ended after the export"
