"""The error table, on every call: status, problem document, path of the fault, nothing stored."""

import json
from typing import Any

import httpx
import pytest

from sfm_core.assembled import Runtime
from tests.unit.sfm_api.api_client import TEA, running
from tests.unit.sfm_api.twin_runtime import twin_runtime

PUT = ("PUT", "/v1/acme/memories/1")
REMEMBER = ("POST", "/v1/acme/memories")
BATCH = ("POST", "/v1/acme/memories:batch")
RECALL = ("POST", "/v1/acme/recall")
RECALLS = ("POST", "/v1/acme/recall:batch")
KEYWORD = ("POST", "/v1/acme/keyword-search")
PATCH = ("PATCH", "/v1/acme/memories/1")
RESTORE = ("POST", "/v1/acme/memories/1:restore")
DELETE_MANY = ("POST", "/v1/acme/memories:delete")
BODIES = (PUT, REMEMBER, BATCH, RECALL, RECALLS, PATCH, RESTORE, DELETE_MANY, KEYWORD)
ALL = (
    *BODIES,
    ("GET", "/v1/acme/memories"),
    ("GET", "/v1/acme/memories/1"),
    ("DELETE", "/v1/acme/memories/1"),
    ("GET", "/v1/acme/memories/1/history"),
    ("GET", "/v1/acme/range"),
    ("GET", "/v1/acme/stats"),
    ("GET", "/v1/namespaces"),
)
OPEN = ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs")
VALID: dict[str, Any] = {
    PUT[1]: TEA,
    REMEMBER[1]: TEA,
    BATCH[1]: {"items": [TEA]},
    RECALL[1]: {"query": "tea"},
    RECALLS[1]: {"queries": [{"query": "tea"}]},
    RESTORE[1]: {"version": 1},
    DELETE_MANY[1]: {"coordinates": [[1]]},
    KEYWORD[1]: {"term": "tea"},
}
JSON = {"Content-Type": "application/json"}


async def refused(runtime: Runtime, answer: httpx.Response, status: int, path: str | None) -> None:
    """Fail unless this is the right problem and nothing was stored."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    if path is not None:
        assert path in [error["path"] for error in problem["errors"]]
    assert await runtime.records.namespaces() == []


@pytest.mark.parametrize("call", BODIES, ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"no", 400),
        (b"{'a': 1}", 400),
        (b'{"payload": {}} x', 400),
        (b'{"payload": \xff}', 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"17", 422),
        (b"{}", 422),
        (b'{"a": {"b": 1, "b": 2}}', 422),
        (b'{"payload": {"n": NaN}}', 422),
        (b'{"payload": {"n": 1e400}}', 422),
        (b'{"payload": {"n": 9223372036854775808}}', 422),
        (b'{"payload": {"s": "\\u0000"}}', 422),
        (b'{"payload": {"s": "\\ud800"}}', 422),
        (b"[" * 40 + b"]" * 40, 422),
        (b'{"payload": ' + b'{"a":' * 40 + b"1" + b"}" * 41, 422),
    ],
    ids=repr,
)
async def test_a_body_that_is_no_json_or_no_such_value_is_refused(
    call: tuple[str, str], content: bytes, status: int
) -> None:
    method, url = call
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(method, url, content=content, headers=JSON)
        await refused(runtime, answer, status, None)


MEMORY_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"payload": None}, "/payload"),
    ({"payload": []}, "/payload"),
    ({"payload": "x"}, "/payload"),
    ({"kind": "other"}, "/kind"),
    ({"kind": 1}, "/kind"),
    ({"text": 5}, "/text"),
    ({"text": "x" * 262_145}, "/text"),
    ({"importance": "high"}, "/importance"),
    ({"importance": True}, "/importance"),
    ({"tags": "a"}, "/tags"),
    ({"tags": ["t"] * 33}, "/tags"),
    ({"tags": ["a", 1]}, "/tags/1"),
    ({"session": 1}, "/session"),
    ({"session": "s" * 257}, "/session"),
    ({"source": "s" * 257}, "/source"),
    ({"occurred_at": "yesterday"}, "/occurred_at"),
    ({"occurred_at": "2026-01-01T00:00:00"}, "/occurred_at"),
    ({"expires_at": 12}, "/expires_at"),
    ({"pinned": "yes"}, "/pinned"),
    ({"id": "x"}, "/id"),
    ({"version": 3}, "/version"),
    ({"created_at": "2026-01-01T00:00:00Z"}, "/created_at"),
    ({"colour": "red"}, "/colour"),
]


@pytest.mark.parametrize("call", [PUT, REMEMBER], ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize(("change", "path"), MEMORY_FAULTS, ids=lambda v: json.dumps(v)[:40])
async def test_a_fault_in_a_memory_is_named_by_its_path(
    call: tuple[str, str], change: dict[str, Any], path: str
) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(*call, json=TEA | change)
        await refused(runtime, answer, 422, path)


@pytest.mark.parametrize(("change", "path"), MEMORY_FAULTS, ids=lambda v: json.dumps(v)[:40])
async def test_a_fault_in_an_item_of_a_batch_is_that_items_answer(
    change: dict[str, Any], path: str
) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.post(BATCH[1], json={"items": [TEA | change]})
        assert await runtime.records.namespaces() == []
    [result] = answer.json()["results"]
    assert result["status"] == 422
    assert f"/items/0{path}" in [error["path"] for error in result["error"]["errors"]]


async def test_every_fault_is_reported_at_once() -> None:
    body = {"payload": 1, "kind": "x", "tags": [1], "colour": 2}
    async with running() as client:
        answer = await client.put(PUT[1], json=body)
    paths = {error["path"] for error in answer.json()["errors"]}
    assert paths == {"/payload", "/kind", "/tags/0", "/colour"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"items": []}, "/items"),
        ({"items": {}}, "/items"),
        ({"items": [TEA] * 1001}, "/items"),
        ({"items": [TEA], "more": 1}, "/more"),
    ],
    ids=lambda v: json.dumps(v)[:40],
)
async def test_a_batch_that_is_none_is_refused(body: dict[str, Any], path: str) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.post(BATCH[1], json=body)
        await refused(runtime, answer, 422, path)


@pytest.mark.parametrize("coordinate", [[], [1] * 17, ["1"], "1,2", [True], [None], 5, {}])
async def test_a_coordinate_that_is_none_is_refused_in_the_body(coordinate: object) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.post(REMEMBER[1], json=TEA | {"coordinate": coordinate})
        await refused(runtime, answer, 422, None)
    assert answer.json()["errors"][0]["path"].startswith("/coordinate")


@pytest.mark.parametrize(
    "text",
    ["abc", "1,,2", ",", "1,", "1;2", "1e999", "NaN", "inf", "0x10", "1_0", "%00", "1%002", "%FF",
     "%ED%A0%80", "+1", " 1", "1%20", "٣", ",".join("1" * 17), "1" * 500, ".5", "1.", "--1"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_a_coordinate_that_is_none_is_refused_in_the_path(method: str, text: str) -> None:
    body = {"json": TEA} if method == "PUT" else {}
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(method, f"/v1/acme/memories/{text}", **body)  # type: ignore[arg-type]
        await refused(runtime, answer, 422, None)
    assert answer.json()["errors"][0]["path"].startswith("/coordinate")


@pytest.mark.parametrize(
    "url",
    ["/v1/acme/memories/1%2F2", "/v1/acme/memories/../../../x", "/v1/acme/memories/", "/v1/acme/x",
     "/v1/acme/memories/1/", "/nowhere", "/v1", "/v1/", "/V1/acme/memories",
     "/v1/acme/memories:other", "/docs/", "/docs/../app.py", "/docs/%2e%2e%2fapp.py",
     "/healthz/"],
)  # fmt: skip
async def test_a_path_that_leads_nowhere_is_404_as_a_problem(url: str) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.get(url, follow_redirects=False)
        await refused(runtime, answer, 404, None)


@pytest.mark.parametrize("name", ["Acme", "-a", "a b", "a" * 64, "%00", "%FF", "ä", ".a", "a%0A"])
@pytest.mark.parametrize("call", ALL[:-1], ids="{0[0]} {0[1]}".format)
async def test_a_name_that_is_no_namespace_is_refused(call: tuple[str, str], name: str) -> None:
    method, url = call
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(method, url.replace("acme", name, 1), json=VALID.get(url))
        await refused(runtime, answer, 422, "/namespace")


@pytest.mark.parametrize("call", ALL, ids="{0[0]} {0[1]}".format)
async def test_an_unknown_query_parameter_is_refused(call: tuple[str, str]) -> None:
    method, url = call
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(method, f"{url}?verbose=1", json=VALID.get(url))
        await refused(runtime, answer, 422, "/verbose")


@pytest.mark.parametrize("url", OPEN)
async def test_probes_and_pages_do_not_mind_a_query(url: str) -> None:
    async with running() as client:
        answer = await client.get(f"{url}?nocache=1")
    assert answer.status_code == 200


@pytest.mark.parametrize("call", [PUT, REMEMBER, BATCH], ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize("query", ["wait=never", "wait=", "wait=indexed&wait=indexed"])
async def test_waiting_for_something_else_is_refused(call: tuple[str, str], query: str) -> None:
    method, url = call
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(method, f"{url}?{query}", json=VALID[url])
        await refused(runtime, answer, 422, "/wait")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=1.0", "/limit"),
        ("limit=", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("kind=other", "/kind"),
        ("since=yesterday", "/since"),
        ("until=2026-01-01", "/until"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=%00", "/cursor"),
        ("tag=", "/tag"),
        ("tag=%00", "/tag"),
        ("filter=no", "/filter"),
        ("filter=[]", "/filter"),
        ("filter={%22a%22:{%22$bad%22:1}}", "/filter/a/$bad"),
    ],
)
async def test_a_list_with_a_bad_parameter_is_refused(query: str, path: str) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.get(f"/v1/acme/memories?{query}")
        await refused(runtime, answer, 422, path)


RECALL_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"query": None}, "/query"),
    ({"query": ""}, "/query"),
    ({"query": " \n"}, "/query"),
    ({"query": 5}, "/query"),
    ({"top_k": 0}, "/top_k"),
    ({"top_k": 201}, "/top_k"),
    ({"top_k": 2.5}, "/top_k"),
    ({"top_k": True}, "/top_k"),
    ({"mode": "magic"}, "/mode"),
    ({"kind": "x"}, "/kind"),
    ({"since": "soon"}, "/since"),
    ({"until": 3}, "/until"),
    ({"now": "now"}, "/now"),
    ({"min_score": "a"}, "/min_score"),
    ({"min_position": -1}, "/min_position"),
    ({"min_position": 1.5}, "/min_position"),
    ({"explain": 1}, "/explain"),
    ({"include": "payload"}, "/include"),
    ({"include": ["payload", "all"]}, "/include/1"),
    ({"weights": {"vector": -1}}, "/weights/vector"),
    ({"weights": {"other": 1}}, "/weights/other"),
    ({"weights": {"vector": 0, "keyword": 0, "context": 0, "recency": 0}}, "/weights"),
    ({"box": {"min": [1]}}, "/box/max"),
    ({"box": {"min": [1], "max": [1, 2]}}, "/box/max"),
    ({"box": {"min": [2], "max": [1]}}, "/box/max/0"),
    ({"box": {"min": [], "max": []}}, "/box/min"),
    ({"filter": []}, "/filter"),
    ({"filter": {"a": {"$bad": 1}}}, "/filter/a/$bad"),
    ({"colour": 1}, "/colour"),
]


@pytest.mark.parametrize(("change", "path"), RECALL_FAULTS, ids=lambda v: json.dumps(v)[:40])
async def test_a_fault_in_a_recall_is_named_by_its_path(change: dict[str, Any], path: str) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        one = await client.post(RECALL[1], json={"query": "tea"} | change)
        await refused(runtime, one, 422, path)
        second = {"query": "tea"} | change
        many = await client.post(RECALLS[1], json={"queries": [{"query": "tea"}, second]})
        await refused(runtime, many, 422, f"/queries/1{path}")


@pytest.mark.parametrize("queries", [[], [{"query": "x"}] * 65, {}, "x"], ids=lambda v: str(v)[:9])
async def test_a_batch_of_too_many_or_no_recalls_is_refused(queries: object) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.post(RECALLS[1], json={"queries": queries})
        await refused(runtime, answer, 422, "/queries")


@pytest.mark.parametrize("call", BODIES, ids="{0[0]} {0[1]}".format)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_body_of_another_type_is_refused(
    call: tuple[str, str], headers: dict[str, str]
) -> None:
    method, url = call
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        content = json.dumps(VALID[url]).encode()
        answer = await client.request(method, url, content=content, headers=headers)
        await refused(runtime, answer, 415, None)


@pytest.mark.parametrize(
    ("method", "url", "allow"),
    [
        ("POST", "/v1/acme/memories/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", "/v1/acme/memories/1:restore", "OPTIONS, POST"),
        ("PUT", "/v1/acme/memories/1/history", "GET, HEAD, OPTIONS"),
        ("DELETE", "/v1/acme/memories", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v1/acme/recall", "OPTIONS, POST"),
        ("PUT", "/v1/namespaces", "GET, HEAD, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", "/", "GET, HEAD, OPTIONS"),
        ("BREW", "/metrics", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_405_and_names_those_that_work(
    method: str, url: str, allow: str
) -> None:
    async with twin_runtime() as runtime, running(runtime=runtime) as client:
        answer = await client.request(method, url)
        await refused(runtime, answer, 405, None)
    assert answer.headers["allow"] == allow


async def test_a_plain_utf_8_charset_is_accepted() -> None:
    async with running() as client:
        answer = await client.put(
            PUT[1],
            content=b'{"payload": {}}',
            headers={"Content-Type": "application/json; charset=UTF-8"},
        )
    assert answer.status_code == 201
