"""What each call does when all is well."""

from tests.unit.sfm_api.api_client import TEA, running


async def test_a_stored_memory_is_created_then_updated_and_read_back() -> None:
    async with running() as client:
        first = await client.put("/v1/acme/memories/1,2.50,-0", json=TEA)
        again = await client.put("/v1/acme/memories/1,2.5,0", json=TEA | {"kind": "semantic"})
        found = await client.get("/v1/acme/memories/1,2.5,0")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["coordinate"] == [1, 2.5, 0]
    assert first.json()["created"] is True
    assert first.json()["index"] == "done"
    assert (first.headers["etag"], again.headers["etag"]) == ('"1"', '"2"')
    assert first.headers["sfm-position"] == str(first.json()["position"])
    assert again.json()["position"] > first.json()["position"]
    assert found.status_code == 200
    assert found.headers["etag"] == '"2"'
    assert found.json()["payload"] == TEA["payload"]
    assert found.json()["kind"] == "semantic"
    assert found.json()["namespace"] == "acme"


async def test_waiting_for_durability_alone_answers_202() -> None:
    async with running() as client:
        answer = await client.put("/v1/acme/memories/1?wait=durable", json=TEA)
        indexed = await client.put("/v1/acme/memories/2?wait=indexed", json=TEA)
    assert (answer.status_code, indexed.status_code) == (202, 201)


async def test_remembering_the_same_twice_stores_it_once() -> None:
    async with running() as client:
        first = await client.post("/v1/acme/memories", json=TEA)
        second = await client.post("/v1/acme/memories", json=TEA)
        listed = await client.get("/v1/acme/memories")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["deduplicated"] is True
    assert second.json()["coordinate"] == first.json()["coordinate"]
    assert len(listed.json()["memories"]) == 1


async def test_remembering_at_a_coordinate_stores_there() -> None:
    async with running() as client:
        answer = await client.post("/v1/acme/memories", json=TEA | {"coordinate": [7, -8.5]})
        found = await client.get("/v1/acme/memories/7,-8.5")
    assert answer.status_code == 201
    assert found.status_code == 200


async def test_one_bad_item_of_a_batch_does_not_fail_the_others() -> None:
    items = [
        TEA | {"coordinate": [1]},
        {"payload": "no object", "coordinate": [2]},
        TEA | {"coordinate": [3], "importance": 2},
        17,
    ]
    async with running() as client:
        answer = await client.post("/v1/acme/memories:batch", json={"items": items})
        listed = await client.get("/v1/acme/memories")
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [result["index"] for result in results] == [0, 1, 2, 3]
    assert [result["status"] for result in results] == [201, 422, 201, 422]
    assert results[1]["error"]["errors"][0]["path"] == "/items/1/payload"
    assert answer.json()["position"] == int(answer.headers["sfm-position"])
    assert [memory["coordinate"] for memory in listed.json()["memories"]] == [[1], [3]]


async def test_a_deleted_memory_is_gone_and_deleting_again_changes_nothing() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        first = await client.delete("/v1/acme/memories/1")
        second = await client.delete("/v1/acme/memories/1")
        never = await client.delete("/v1/acme/memories/2")
        found = await client.get("/v1/acme/memories/1")
    assert [a.status_code for a in (first, second, never, found)] == [204, 204, 404, 404]
    assert first.content == b""
    assert first.headers["sfm-position"] == second.headers["sfm-position"]
    assert found.json()["type"] == "urn:sfm:error:not-found"


async def test_the_pages_of_a_list_hold_every_memory_once() -> None:
    async with running() as client:
        for i in range(7):
            await client.put(f"/v1/acme/memories/{i}", json={"payload": {"n": i}})
        seen, cursor = [], None
        while True:
            params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/acme/memories", params=params)).json()
            seen += [memory["payload"]["n"] for memory in page["memories"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert sorted(seen) == list(range(7))


async def test_a_list_takes_every_filter() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA | {"kind": "semantic", "tags": ["a"]})
        await client.put("/v1/acme/memories/2", json={"payload": {"n": 5}, "tags": ["a", "b"]})
        answers = [
            (await client.get("/v1/acme/memories", params=params)).json()["memories"]
            for params in (
                {"kind": "semantic"},
                {"tag": "b"},
                {"filter": '{"n": {"$gt": 4}}'},
                {"since": "2000-01-01T00:00:00Z", "limit": "1"},
                {"until": "2000-01-01T00:00:00Z"},
            )
        ]
    assert [[m["coordinate"] for m in found] for found in answers] == [
        [[1]],
        [[2]],
        [[2]],
        [[1]],
        [],
    ]


async def test_a_recall_finds_what_was_just_stored_and_explains_it() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        await client.put("/v1/acme/memories/2", json={"payload": {"said": "the roof leaks"}})
        answer = await client.post(
            "/v1/acme/recall",
            json={"query": "who drinks green tea?", "explain": True, "include": ["text"]},
        )
        plain = await client.post("/v1/acme/recall", json={"query": "tea", "mode": "keyword"})
    found = answer.json()
    assert answer.status_code == 200
    assert found["hits"][0]["coordinate"] == [1]
    assert "payload" not in found["hits"][0]
    assert found["hits"][0]["text"] == "Ada drinks green tea"
    assert "explain" in found["hits"][0]
    assert found["degraded"] == []
    assert [hit["payload"] for hit in plain.json()["hits"]] == [TEA["payload"]]
    assert "explain" not in plain.json()["hits"][0]


async def test_a_batch_of_recalls_answers_each_as_alone() -> None:
    queries = [{"query": "green tea", "top_k": 1}, {"query": "roof", "mode": "keyword"}]
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        await client.put("/v1/acme/memories/2", json={"payload": {"said": "the roof leaks"}})
        alone = [(await client.post("/v1/acme/recall", json=q)).json()["hits"] for q in queries]
        batch = await client.post("/v1/acme/recall:batch", json={"queries": queries})
    assert batch.status_code == 200
    assert [one["hits"] for one in batch.json()["results"]] == alone


async def test_an_unknown_namespace_is_an_empty_memory() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        listed = await client.get("/v1/other/memories")
        recalled = await client.post("/v1/other/recall", json={"query": "tea"})
        counted = await client.get("/v1/other/stats")
    assert listed.json() == {"memories": [], "next_cursor": None}
    assert recalled.json()["hits"] == []
    assert counted.json()["total"] == 0


async def test_stats_count_and_namespaces_are_listed() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        await client.put("/v1/acme/memories/2", json=TEA | {"kind": "semantic"})
        await client.put("/v1/beta/memories/1", json=TEA)
        await client.delete("/v1/acme/memories/2")
        stats = (await client.get("/v1/acme/stats")).json()
        names = (await client.get("/v1/namespaces")).json()
    assert (stats["total"], stats["episodic"], stats["semantic"], stats["deleted"]) == (1, 1, 0, 1)
    assert names == {"namespaces": ["acme", "beta"]}


async def test_a_percent_encoded_coordinate_is_the_same_place() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1%2C-2", json=TEA)
        found = await client.get("/v1/acme/memories/1,-2")
    assert found.status_code == 200


async def test_head_answers_as_get_without_a_body_and_options_tells_the_methods() -> None:
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        head = await client.head("/v1/acme/memories/1")
        options = await client.options("/v1/acme/memories/1")
        health = await client.options("/healthz")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", '"1"')
    assert options.status_code == 204
    assert options.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    assert health.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_recall_shows_the_passage_keeps_to_a_budget_and_says_why_not() -> None:
    long = "Ben said nothing of note. " * 40
    async with running() as client:
        await client.put("/v1/acme/memories/1", json=TEA)
        await client.put("/v1/acme/memories/2", json={"payload": {"said": long + "green tea"}})
        await client.put("/v1/acme/memories/3", json={"payload": {"said": "green tea, too"}})
        asked = {
            "query": "who drinks green tea?",
            "include": ["payload", "snippet"],
            "budget_tokens": 60,
            "explain_for": [[2], [7]],
            "mode": "keyword",
        }
        found = (await client.post("/v1/acme/recall", json=asked)).json()
    assert [hit["coordinate"] for hit in found["hits"]] == [[1], [3]]
    first = found["hits"][0]
    snippet = first["snippet"]
    marked = [snippet["text"][start:end] for start, end in snippet["marks"]]
    assert marked == ["drinks", "green", "tea"]
    assert found["budget"]["left_out"] == 1
    assert found["budget"]["used"] == sum(hit["tokens"] for hit in found["hits"]) <= 60
    long_one, never = found["explained"]
    assert (long_one["rank"], long_one["hit"], long_one["absent_for"]) == (3, False, ["budget"])
    assert sum(long_one["explain"]["parts"].values()) == long_one["score"]
    assert (never["rank"], never["absent_for"]) == (None, ["unknown"])
