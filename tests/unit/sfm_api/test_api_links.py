"""Links, neighbours and paths over HTTP."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.unit.sfm_api.api_client import TEA, running

LINKS = "/v1/acme/links"


async def stored(client: httpx.AsyncClient, *places: str) -> None:
    for place in places:
        answer = await client.put(f"/v1/acme/memories/{place}", json=TEA)
        assert answer.status_code in (200, 201)


def a_link(origin: Sequence[float], target: Sequence[float], **more: Any) -> dict[str, Any]:
    return {"from": list(origin), "to": list(target), **more}


async def test_a_link_is_made_once_weighed_anew_and_ended() -> None:
    async with running() as client:
        await stored(client, "1", "2,-0.5")
        made = await client.put(LINKS, json=a_link([1.0], [2, -0.5], type="cause", weight=2))
        same = await client.put(LINKS, json=a_link([1], [2, -0.5], type="cause", weight=2.0))
        other = await client.put(LINKS, json=a_link([1], [2, -0.5], type="cause", weight=0.5))
        plain = await client.put(LINKS, json=a_link([1], [2, -0.5]))
        counted = (await client.get("/v1/acme/stats")).json()["links"]
        gone = await client.delete(f"{LINKS}?from=1.0&to=2,-0.5&type=cause")
        again = await client.delete(f"{LINKS}?from=1&to=2,-0.50&type=cause")
        left = (await client.get("/v1/acme/memories/1/neighbors")).json()
    assert [r.status_code for r in (made, same, other, plain)] == [201, 200, 200, 201]
    assert [r.headers["etag"] for r in (made, same, other)] == ['"1"', '"1"', '"2"']
    assert made.json() == same.json()
    assert made.json()["from"] == [1]
    assert (other.json()["to"], other.json()["weight"]) == ([2, -0.5], 0.5)
    assert (plain.json()["type"], plain.json()["weight"]) == ("related", 1.0)
    assert counted == 2
    assert (gone.status_code, again.status_code, gone.content) == (204, 204, b"")
    assert gone.headers["sfm-position"] == again.headers["sfm-position"]
    assert [n["type"] for n in left["neighbors"]] == ["related"]


async def test_neighbors_come_in_pages_and_by_direction() -> None:
    async with running() as client:
        await stored(client, "1", "2", "3", "4")
        await client.put(LINKS, json=a_link([1], [2], weight=1))
        await client.put(LINKS, json=a_link([3], [1], weight=3))
        await client.put(LINKS, json=a_link([1], [4], weight=2, type="likes"))
        around = "/v1/acme/memories/1/neighbors"
        first = (await client.get(around, params={"limit": 2})).json()
        rest = await client.get(around, params={"limit": 2, "cursor": first["next_cursor"]})
        inward = (await client.get(around, params={"direction": "in"})).json()
        typed = (await client.get(around, params={"type": "likes"})).json()
        missing = await client.get("/v1/acme/memories/9/neighbors")
        elsewhere = await client.get("/v1/other/memories/1/neighbors")
    shown = [(n["coordinate"], n["direction"], n["weight"]) for n in first["neighbors"]]
    assert shown == [([3], "in", 3.0), ([4], "out", 2.0)]
    assert [n["coordinate"] for n in rest.json()["neighbors"]] == [[2]]
    assert rest.json()["next_cursor"] is None
    assert [n["coordinate"] for n in inward["neighbors"]] == [[3]]
    assert [n["coordinate"] for n in typed["neighbors"]] == [[4]]
    assert (missing.status_code, elsewhere.status_code) == (404, 404)


async def test_a_path_follows_the_links_and_sees_each_write_at_once() -> None:
    async with running() as client:
        await stored(client, "1", "2", "3")
        path = "/v1/acme/path?from=1&to=3"
        none = await client.get(path)
        await client.put(LINKS, json=a_link([1], [2], weight=4, type="a"))
        await client.put(LINKS, json=a_link([2], [3], weight=4))
        found = await client.get(path)
        typed = await client.get(f"{path}&type=a")
        await client.put(LINKS, json=a_link([1], [3], weight=3))
        direct = await client.get(path)
        back = await client.get("/v1/acme/path?from=3&to=1")
        await client.delete(f"{LINKS}?from=1&to=3")
        detour = await client.get(path)
        await client.delete("/v1/acme/memories/2")
        lost = await client.get(path)
        await stored(client, "2")
        still = await client.get(path)
        itself = await client.get("/v1/acme/path?from=1&to=1.0")
        unknown = await client.get("/v1/acme/path?from=1&to=9")
    assert none.json() == typed.json() == back.json() == {"path": []}
    assert found.json() == detour.json() == {"path": [[1], [2], [3]], "weight": 2.0}
    assert direct.json() == {"path": [[1], [3]], "weight": 3.0}
    assert lost.json() == still.json() == {"path": []}
    assert itself.json() == {"path": [[1]]}
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:sfm:error:not-found")


async def test_a_link_with_an_unknown_end_is_404() -> None:
    async with running() as client:
        await stored(client, "1", "2")
        await client.delete("/v1/acme/memories/2")
        for other, unlinked in (([9], 404), ([2], 204)):
            made = await client.put(LINKS, json=a_link([1], other))
            ended = await client.delete(f"{LINKS}?from={other[0]}&to=1")
            assert (made.status_code, ended.status_code) == (404, unlinked)


async def test_the_same_key_links_once_and_ends_once() -> None:
    async with running() as client:
        await stored(client, "1", "2")
        key = {"Idempotency-Key": "k"}
        first = await client.put(LINKS, json=a_link([1], [2]), headers=key)
        await client.delete(f"{LINKS}?from=1&to=2")
        again = await client.put(LINKS, json={"to": [2], "from": [1]}, headers=key)
        other = await client.put(LINKS, json=a_link([2], [1]), headers=key)
        left = (await client.get("/v1/acme/stats")).json()["links"]
        await client.put(LINKS, json=a_link([1], [2]))
        gone = {"Idempotency-Key": "g"}
        ended = await client.delete(f"{LINKS}?from=1&to=2", headers=gone)
        await client.put(LINKS, json=a_link([1], [2]))
        replay = await client.delete(f"{LINKS}?to=2&from=1.0&type=related", headers=gone)
        mixed = await client.delete(f"{LINKS}?from=2&to=1", headers=gone)
        kept = (await client.get("/v1/acme/stats")).json()["links"]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert (other.status_code, left) == (422, 0)
    assert (ended.status_code, replay.status_code) == (204, 204)
    assert replay.headers["idempotent-replay"] == "true"
    assert (mixed.status_code, kept) == (422, 1)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/from"),
        ({"from": [1]}, "/to"),
        (a_link([1], [1.0]), "/to"),
        ({"from": "1", "to": [2]}, "/from"),
        (a_link([1], [2] * 17), "/to"),
        (a_link([1], [2], weight=0), "/weight"),
        (a_link([1], [2], weight=-1), "/weight"),
        (a_link([1], [2], weight="1"), "/weight"),
        (a_link([1], [2], weight=True), "/weight"),
        (a_link([1], [2], weight=None), "/weight"),
        (a_link([1], [2], type=""), "/type"),
        (a_link([1], [2], type="x" * 129), "/type"),
        (a_link([1], [2], type="a\u0000"), "/type"),
        (a_link([1], [2], kind="x"), "/kind"),
        ([1], ""),
    ],
)
async def test_what_is_no_link_is_422_with_the_path_of_the_fault(body: Any, path: str) -> None:
    async with running() as client:
        await stored(client, "1", "2")
        answer = await client.put(LINKS, json=body)
        counted = (await client.get("/v1/acme/stats")).json()["links"]
    assert (answer.status_code, counted) == (422, 0)
    assert path in [error["path"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("method", "asked", "path"),
    [
        ("DELETE", "/links?from=1", "/to"),
        ("DELETE", "/links?from=1,x&to=2", "/from/1"),
        ("DELETE", "/links?from=1&to=2&weight=3", "/weight"),
        ("GET", "/path?from=1&to=2&min_position=-1", "/min_position"),
        ("GET", "/path?to=2", "/from"),
        ("GET", "/memories/1/neighbors?direction=up", "/direction"),
        ("GET", "/memories/1/neighbors?limit=0", "/limit"),
        ("GET", "/memories/1/neighbors?limit=1001", "/limit"),
        ("GET", "/memories/1/neighbors?cursor=nonsense", "/cursor"),
        ("GET", "/memories/1/neighbors?type=", "/type"),
    ],
)
async def test_a_wrong_parameter_is_422_with_its_path(method: str, asked: str, path: str) -> None:
    async with running() as client:
        await stored(client, "1", "2")
        answer = await client.request(method, f"/v1/acme{asked}")
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json()["errors"]]


async def test_a_recall_follows_links_and_shows_them() -> None:
    far = {"payload": {"said": "quantum chromodynamics lattice"}}
    async with running() as client:
        await stored(client, "1")
        await client.put("/v1/acme/memories/2", json=far)
        question = {"query": "what does Ada drink?", "explain": True, "include": ["links"]}
        before = (await client.post("/v1/acme/recall", json=question | {"graph_hops": 2})).json()
        await client.put(LINKS, json=a_link([2], [1], type="about", weight=2))
        without = (await client.post("/v1/acme/recall", json=question)).json()
        with_hops = (await client.post("/v1/acme/recall", json=question | {"graph_hops": 1})).json()
    scores = {tuple(hit["coordinate"]): hit["score"] for hit in without["hits"]}
    assert scores == {tuple(hit["coordinate"]): hit["score"] for hit in before["hits"]}
    lifted = {tuple(hit["coordinate"]): hit for hit in with_hops["hits"]}
    assert lifted[2,]["score"] > scores.get((2,), 0.0)
    assert lifted[2,]["explain"]["parts"]["graph"] > 0.0
    assert sum(lifted[2,]["explain"]["parts"].values()) == lifted[2,]["score"]
    assert "graph" not in without["hits"][0]["explain"]["parts"]
    [link] = lifted[1,]["links"]
    assert (link["coordinate"], link["direction"], link["weight"]) == ([2], "in", 2.0)
    assert [hit["links"] for hit in before["hits"]] == [[]] * len(before["hits"])


async def test_a_memory_is_shown_with_its_links_when_asked() -> None:
    async with running() as client:
        await stored(client, "1", "2")
        await client.put(LINKS, json=a_link([1], [2]))
        plain = (await client.get("/v1/acme/memories/1")).json()
        linked = (await client.get("/v1/acme/memories/1?include=links")).json()
        wrong = [
            await client.get(f"/v1/acme/memories/1?{asked}")
            for asked in ("include=vectors", "include=links&version=1", "include=")
        ]
    assert "links" not in plain
    assert [n["coordinate"] for n in linked.pop("links")] == [[2]]
    assert linked == plain
    assert [answer.status_code for answer in wrong] == [422] * 3


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"graph_hops": 4}, "/graph_hops"),
        ({"graph_hops": -1}, "/graph_hops"),
        ({"graph_hops": "1"}, "/graph_hops"),
        ({"graph_hops": 1, "mode": "vector"}, "/graph_hops"),
        ({"graph_hops": 1, "mode": "keyword"}, "/graph_hops"),
        ({"weights": {"graph": -1}}, "/weights/graph"),
        ({"weights": dict.fromkeys(("vector", "keyword", "context", "recency"), 0)}, "/weights"),
        ({"include": ["links", "links"]}, "/include/1"),
    ],
)
async def test_a_wrong_question_about_links_is_422(asked: dict[str, Any], path: str) -> None:
    async with running() as client:
        answer = await client.post("/v1/acme/recall", json={"query": "tea"} | asked)
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json()["errors"]]
