"""Each bad value in each call: REST, the command line and Python refuse it for the same reason.

Over the in-memory twin. What a door cannot even say (a program's keyword that is no text) is left
out there; nothing is stored by any.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any, override
from urllib.parse import quote, urlencode

import httpx
import pytest

from sfm_api.app import create_app
from sfm_core.assembled import Runtime
from sfm_core.errors import InvalidInput
from sfm_core.factory import open_runtime
from sfm_core.model import Precondition
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem
from tests.differential.doors import REST, CliDoor, Door, PythonDoor, RestDoor
from tests.differential.outcomes import Op, Outcome, refused, succeeded

TOKEN = "a-token-of-this-test"
NUL, LONE = "te\0a", "te\ud800a"
BEYOND = 2**63
DEEP: Any = 1
for _ in range(40):
    DEEP = [DEEP]
MANY = {f"key{i}": i for i in range(10_001)}


class RawRestDoor(RestDoor):
    """Sends what no client would: any bytes in path, query and body."""

    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        super().__init__(http, namespace)
        self._client = http
        self._under = f"/v1/{namespace}"

    @override
    async def do(self, op: Op) -> Outcome:
        method, path, params, body, headers = REST[op.name](op)
        target = self._under + quote(path, safe="/:,", errors="surrogatepass")
        if params:
            target += "?" + urlencode(params, errors="surrogatepass")
        answer = await self._client.request(
            method,
            httpx.URL(f"http://sfm{target}"),
            content=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
        )
        if answer.is_success:
            return succeeded(answer.json() if answer.content else {})
        assert answer.status_code < 500, answer.text
        return refused(answer.json())

    async def batch(self, items: list[dict[str, Any]]) -> list[list[str]]:
        """The paths of the faults of each item."""
        answer = await self.batch_text(json.dumps({"items": items}))
        return [
            [fault["path"] for fault in result.get("error", {}).get("errors", ())]
            for result in answer["results"]
        ]

    async def batch_text(self, text: str) -> dict[str, Any]:
        answer = await self._client.post(
            f"{self._under}/memories:batch",
            content=text,
            headers={"Content-Type": "application/json"},
        )
        found: dict[str, Any] = answer.json()
        return found


async def batch_of(runtime: Runtime, items: list[dict[str, Any]]) -> list[list[str]]:
    """As `RawRestDoor.batch`, by the facade."""
    async with MemorySystem("doors", _lent(runtime)) as memory:
        stored = await memory.store_many(items)
    return [
        [fault.path for fault in result.faults] if isinstance(result, InvalidInput) else []
        for result in stored.results
    ]


@asynccontextmanager
async def _lent(runtime: Runtime) -> AsyncGenerator[Runtime]:
    yield runtime


@asynccontextmanager
async def all_doors() -> AsyncGenerator[tuple[Runtime, list[Door]]]:
    async with open_runtime(CoreSettings(postgres_url=Secret("memory://"), embedder="hash")) as one:
        transport = httpx.ASGITransport(create_app(one, ApiSettings(api_token=Secret(TOKEN))))
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://sfm",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as http:
            yield (
                one,
                [
                    RawRestDoor(http, "doors"),
                    CliDoor(transport, TOKEN, "doors"),
                    PythonDoor(one, "doors"),
                ],
            )


TEXTS: list[tuple[str, Any]] = [("nul", NUL), ("lone", LONE)]
NUMBERS: list[tuple[str, Any]] = [("nan", float("nan")), ("inf", float("-inf")), ("int64", BEYOND)]
VALUES = [*TEXTS, *NUMBERS, ("deep", DEEP), ("many", MANY)]
FILTERS: list[tuple[str, Any]] = [
    ("value-nul", {"note": NUL}),
    ("value-lone", {"note": LONE}),
    ("path-nul", {NUL: 1}),
    ("path-lone", {LONE: 1}),
    ("nan", {"n": {"$gt": float("nan")}}),
    ("int64", {"n": BEYOND}),
    ("deep", {"n": DEEP}),
    ("operator", {"n": {"$near": 1}}),
    ("field", {"@bad": 1}),
    ("terms", {"$and": [{"n": i} for i in range(17)]}),
    ("tag", {"@tags": {"$contains": NUL}}),
]
PLACES: list[tuple[str, str]] = [
    *(("word", "1,x"), ("nan", "nan"), ("inf", "1e400"), ("many", ",".join(["1"] * 17))),
    *(("nul", "1\0"), ("digits", "9" * 400), ("arabic", "١")),
]


def with_memory(memory: dict[str, Any]) -> Iterator[Op]:
    yield Op("store", {"at": "1", "memory": {"payload": {}, **memory}})
    yield Op("remember", {"memory": {"payload": {}, **memory}})


def payload_cases() -> Iterator[tuple[str, Op]]:
    for name, value in VALUES:
        for op in with_memory({"payload": {"note": {"inner": value}}}):
            yield f"payload-{name}", op
        yield f"payload-{name}", Op("patch", {"at": "1", "changes": {"payload": {"note": value}}})


def text_cases() -> Iterator[tuple[str, Op]]:
    for name, text in TEXTS:
        for field in ("text", "session", "source"):
            for op in with_memory({field: text}):
                yield f"{field}-{name}", op
        for op in with_memory({"tags": ["a", text]}):
            yield f"tags-{name}", op
        for op in with_memory({"payload": {text: 1}}):
            yield f"key-{name}", op
        yield f"tags-{name}", Op("patch", {"at": "1", "changes": {"tags": [text]}})
        yield f"query-{name}", Op("recall", {"query": {"query": text}})
        yield f"context-{name}", Op("recall", {"query": {"query": "tea", "context": [text]}})
        yield f"term-{name}", Op("keyword_search", {"asked": {"term": text}})
        yield f"type-{name}", Op("link", {"from": "1", "to": "2", "type": text})
        yield f"type-{name}", Op("unlink", {"from": "1", "to": "2", "type": text})
        yield f"type-{name}", Op("neighbors", {"at": "1", "type": text})
        yield f"type-{name}", Op("path", {"from": "1", "to": "2", "type": text})
        yield f"tag-{name}", Op("list", {"tag": text})


def number_cases() -> Iterator[tuple[str, Op]]:
    for name, number in NUMBERS:
        for op in with_memory({"importance": number}):
            yield f"importance-{name}", op
        yield f"importance-{name}", Op("patch", {"at": "1", "changes": {"importance": number}})
        yield f"weight-{name}", Op("link", {"from": "1", "to": "2", "weight": number})
        if name == "int64":  # the others are no integers to the command line: a usage error
            yield f"top_k-{name}", Op("recall", {"query": {"query": "tea", "top_k": number}})
        yield (
            f"weights-{name}",
            Op("recall", {"query": {"query": "t", "weights": {"vector": number}}}),
        )


def filter_cases() -> Iterator[tuple[str, Op]]:
    for name, filter_ in FILTERS:
        yield f"filter-{name}", Op("list", {"filter": filter_})
        yield f"filter-{name}", Op("recall", {"query": {"query": "tea", "filter": filter_}})
        yield f"filter-{name}", Op("keyword_search", {"asked": {"term": "tea", "filter": filter_}})
        yield f"filter-{name}", Op("delete_many", {"filter": filter_})


def place_cases() -> Iterator[tuple[str, Op]]:
    for name, at in PLACES:
        yield f"at-{name}", Op("store", {"at": at, "memory": {"payload": {}}})
        for call in ("get", "delete", "history", "neighbors"):
            yield f"at-{name}", Op(call, {"at": at})
        yield f"at-{name}", Op("patch", {"at": at, "changes": {"pinned": True}})
        yield f"at-{name}", Op("restore", {"at": at, "version": 1})
        if name != "nul":  # REST names the parameter, the command line the axis in it
            yield f"at-{name}", Op("unlink", {"from": at, "to": "1"})
            yield f"at-{name}", Op("path", {"from": "1", "to": at})
        yield f"at-{name}", Op("range", {"low": at, "high": "1"})


def key_cases() -> Iterator[tuple[str, Op]]:
    for name, key in [("blank", "a b"), ("nul", "a\0"), ("long", "k" * 256)]:
        for op in (
            Op("store", {"at": "1", "memory": {"payload": {}}, "key": key}),
            Op("patch", {"at": "1", "changes": {"pinned": True}, "key": key}),
            Op("delete_many", {"places": ["1"], "key": key}),
            Op("unlink", {"from": "1", "to": "2", "key": key}),
        ):
            yield f"key-{name}", op


def bound_cases() -> Iterator[tuple[str, Op]]:
    yield "long", Op("recall", {"query": {"query": "x" * 8193}})
    yield "long", Op("keyword_search", {"asked": {"term": "x" * 257}})
    yield "blank", Op("keyword_search", {"asked": {"term": " "}})
    yield "hops", Op("recall", {"query": {"query": "tea", "graph_hops": 4}})
    yield "budget", Op("recall", {"query": {"query": "tea", "budget_tokens": 0}})
    yield "include", Op("recall", {"query": {"query": "tea", "include": ["soul"]}})
    for op in with_memory({"text": "é" * 131_073}):
        yield "text-256-KiB", op
    for op in with_memory({"payload": {"blob": "x" * 1024 * 1024}}):
        yield "body-1-MiB", op


CASES = [
    *payload_cases(),
    *text_cases(),
    *number_cases(),
    *filter_cases(),
    *place_cases(),
    *key_cases(),
    *bound_cases(),
]


@pytest.mark.parametrize(
    "op", [op for _, op in CASES], ids=[f"{op.name}-{name}" for name, op in CASES]
)
async def test_a_bad_value_is_refused_alike_at_every_door_and_nothing_is_stored(op: Op) -> None:
    async with all_doors() as (runtime, doors):
        rest, *others = [await door.do(op) for door in doors]
        assert rest.error, rest
        for door, other in zip(doors[1:], others, strict=True):
            assert agrees(other, rest), (type(door).__name__, said(other), said(rest))
        assert await runtime.records.namespaces() == []


def said(outcome: Outcome) -> tuple[str, list[str]]:
    return outcome.error, [path for path, _ in outcome.faults]


def agrees(other: Outcome, rest: Outcome) -> bool:
    """The same error and paths. Of a bound that is counted before anything is built REST names
    the document; the command line, whose payload or filter is a document of its own, the member.
    """
    if said(rest)[1] == [""]:
        return other.error == rest.error and len(other.faults) == 1
    return said(other) == said(rest)


async def test_a_batch_gives_each_item_the_verdict_of_a_single_memory() -> None:
    good: dict[str, Any] = {"payload": {"n": 1}, "coordinate": [1]}
    bad: list[dict[str, Any]] = [
        {"payload": MANY},
        {"payload": {"blob": "x" * 1024 * 1024}, "text": "large"},
        {"payload": {}, "tags": ["x" * 129]},
        {"payload": {}, "text": "é" * 131_073},
        {"payload": {}, "colour": 1},
    ]
    async with all_doors() as (runtime, doors):
        rest, python = doors[0], doors[2]
        assert isinstance(rest, RawRestDoor)
        assert isinstance(python, PythonDoor)
        paths = [await rest.batch([*bad, good]), await batch_of(runtime, [*bad, good])]
        assert paths[0] == paths[1]
        assert [bool(one) for one in paths[0]] == [True] * len(bad) + [False]
        assert all(
            path.startswith(f"/items/{i}") for i, one in enumerate(bad) for path in paths[0][i]
        )
        stored = await runtime.records.stats("doors")
        assert stored.total == 1
        for text in (
            '{"items": [{"payload": {"n": NaN}}]}',
            '{"items": [{"payload": {"n": 1e400}}]}',
        ):
            refused_ = await rest.batch_text(text)
            assert [fault["path"] for fault in refused_["errors"]] == ["/items/0/payload/n"]


async def test_what_the_facade_takes_beside_a_memory_is_judged_as_the_headers_are() -> None:
    async with all_doors() as (runtime, _), MemorySystem("doors", _lent(runtime)) as memory:
        for version in (0, -1, 10**18, 2**63):
            with pytest.raises(InvalidInput) as caught:
                await memory.store("1", {}, precondition=Precondition(version=version))
            assert [fault.path for fault in caught.value.faults] == ["/If-Match"]
        with pytest.raises(InvalidInput):
            [_ async for _ in memory.all(page_size=0)]
        with pytest.raises(InvalidInput):
            await memory.decay(dry_run="yes")  # type: ignore[arg-type]
        with pytest.raises(InvalidInput):
            MemorySystem("Bad Name", _lent(runtime))
        assert await runtime.records.namespaces() == []
