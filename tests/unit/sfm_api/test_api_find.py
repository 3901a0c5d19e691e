"""Range and keyword search over REST: answers, pages, and the path of each fault."""

from typing import Any

import pytest

from tests.unit.sfm_api.api_client import running

JSON = {"Content-Type": "application/json"}


async def test_a_keyword_search_says_how_and_where_it_matched() -> None:
    async with running() as client:
        for at, text in (("1", "The kettle is broken"), ("2", "a ketle"), ("3", "Kettledrums")):
            body = {"payload": {"n": at}, "text": text, "source": "Ada"}
            await client.put(f"/v1/acme/memories/{at}", json=body)
        answer = await client.post("/v1/acme/keyword-search", json={"term": "KETTLE"})
        hits = answer.json()["hits"]
        assert [(h["coordinate"], h["match"]) for h in hits] == [
            ([1], "word"),
            ([3], "part"),
            ([2], "fuzzy"),
        ]
        assert [h["score"] for h in hits] == [1.0, 0.75, 0.4375]
        assert hits[0]["snippet"] == {
            "text": "The kettle is broken",
            "start": 0,
            "marks": [[4, 10]],
        }
        assert (hits[0]["payload"], hits[0]["source"]) == ({"n": "1"}, "Ada")
        for asked, found in (
            ({"exact": True}, [[1]]),
            ({"case_sensitive": True}, []),
            ({"top_k": 2}, [[1], [3]]),
            ({"kind": "semantic"}, []),
            ({"filter": {"n": "2"}}, [[2]]),
        ):
            answer = await client.post("/v1/acme/keyword-search", json={"term": "KETTLE"} | asked)
            assert [h["coordinate"] for h in answer.json()["hits"]] == found, asked


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/term"),
        ({"term": ""}, "/term"),
        ({"term": " \n"}, "/term"),
        ({"term": 5}, "/term"),
        ({"term": "x" * 257}, "/term"),
        ({"term": "\x00"}, "/term"),
        ({"term": "x", "top_k": 0}, "/top_k"),
        ({"term": "x", "top_k": 201}, "/top_k"),
        ({"term": "x", "exact": 1}, "/exact"),
        ({"term": "x", "case_sensitive": None}, "/case_sensitive"),
        ({"term": "x", "kind": "fact"}, "/kind"),
        ({"term": "x", "filter": {"a": {"$like": 1}}}, "/filter/a/$like"),
        ({"term": "x", "terms": "y"}, "/terms"),
        ([], ""),
    ],
)
async def test_each_fault_of_a_keyword_search_has_its_path(body: Any, path: str) -> None:
    async with running() as client:
        answer = await client.post("/v1/acme/keyword-search", json=body)
    assert answer.status_code == 422, answer.text
    assert path in [error["path"] for error in answer.json()["errors"]]


async def test_a_range_is_paged_to_its_end() -> None:
    async with running() as client:
        for i in range(7):
            await client.put(f"/v1/acme/memories/{i},{i}", json={"payload": {"n": i}})
        await client.put("/v1/acme/memories/3", json={"payload": {}})
        asked = {"min": "1,1.0", "max": "5,9e0", "limit": "2"}
        found: list[list[int]] = []
        while True:
            page = (await client.get("/v1/acme/range", params=asked)).json()
            assert len(page["memories"]) <= 2
            found += [memory["coordinate"] for memory in page["memories"]]
            if page["next_cursor"] is None:
                break
            asked["cursor"] = page["next_cursor"]
        assert found == [[i, i] for i in range(1, 6)]
        assert all("importance_norm" in memory for memory in page["memories"])


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({}, "/min"),
        ({"min": "1"}, "/max"),
        ({"min": "1", "max": ""}, "/max"),
        ({"min": "1,x", "max": "2,2"}, "/min/1"),
        ({"min": "1", "max": "2,2"}, "/max"),
        ({"min": "1,5", "max": "2,4"}, "/max/1"),
        ({"min": "1", "max": "1e999"}, "/max/0"),
        ({"min": "1", "max": "nan"}, "/max/0"),
        ({"min": ",".join(["1"] * 17), "max": "1"}, "/min"),
        ({"min": "1", "max": "2", "limit": "0"}, "/limit"),
        ({"min": "1", "max": "2", "limit": "1001"}, "/limit"),
        ({"min": "1", "max": "2", "cursor": "nonsense"}, "/cursor"),
        ({"min": "1", "max": "2", "kind": "episodic"}, "/kind"),
    ],
)
async def test_each_fault_of_a_range_has_its_path(asked: dict[str, str], path: str) -> None:
    async with running() as client:
        answer = await client.get("/v1/acme/range", params=asked)
    assert answer.status_code == 422, answer.text
    assert path in [error["path"] for error in answer.json()["errors"]]
