"""The OpenAPI document against the routes, its own rules, and the limits of the decoder."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route

from sfm_api.app import create_app
from sfm_api.contract import OPERATIONS
from sfm_api.credentials import Access
from sfm_api.openapi.calls import CALLS
from sfm_api.openapi.older import as_3_0
from sfm_api.operations import Body, Resource
from tests.unit.sfm_api.api_client import SETTINGS, openapi, running
from tests.unit.sfm_api.twin_runtime import twin_runtime

ONLY_3_1 = {
    "const", "examples", "$defs", "$id", "$anchor", "$dynamicRef", "if", "then", "else",
    "prefixItems", "contains", "patternProperties", "propertyNames", "dependentSchemas",
    "dependentRequired", "unevaluatedProperties", "unevaluatedItems", "contentEncoding",
    "contentMediaType", "identifier", "webhooks", "jsonSchemaDialect", "pathItems",
}  # fmt: skip


def nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


async def test_the_document_holds_exactly_the_routes_that_are_served() -> None:
    async with twin_runtime() as runtime:
        app = create_app(runtime, SETTINGS)
    served = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route) and isinstance(route.endpoint, Resource)
        for method in route.endpoint.methods
    }
    said = {
        (method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods
    }
    assert len(served) == len(OPERATIONS)
    assert served - said == {("GET", "/docs/{file}")}
    assert said <= served
    assert set(CALLS) == {operation.id for operation in OPERATIONS if not operation.hidden}


async def test_what_is_served_is_the_document() -> None:
    async with running() as client:
        answer = await client.get("/openapi.json")
    assert answer.json() == json.loads(json.dumps(openapi()))
    assert answer.json()["openapi"] == "3.1.0"


def test_every_call_says_who_may_and_what_can_go_wrong() -> None:
    for operation in OPERATIONS:
        if operation.hidden:
            continue
        said = openapi()["paths"][operation.path][operation.method.lower()]
        answers = set(said["responses"])
        if operation.needs is None:
            assert said["security"] == []
        else:
            assert "security" not in said
            assert {"401", "403", "422", "503", "504"} <= answers
        if operation.body is not Body.NONE:
            assert {"400", "408", "413", "415"} <= answers
            assert said["requestBody"]["required"] is True
        assert "500" not in answers


def test_reading_calls_do_not_write() -> None:
    for operation in OPERATIONS:
        if operation.method in ("PUT", "DELETE", "PATCH"):
            assert operation.needs in (Access.WRITE, Access.ADMIN)


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere() -> None:
    document = openapi()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    known = {
        f"#/components/{part}/{name}"
        for part in ("schemas", "headers")
        for name in document["components"][part]
    }
    asked = {node["$ref"] for node in nodes(document) if "$ref" in node}
    assert known == asked


def test_examples_are_valid() -> None:
    document = openapi()
    for path, methods in document["paths"].items():
        for said in methods.values():
            media = said.get("requestBody", {}).get("content", {}).get("application/json")
            if media is None:
                continue
            whole = {"components": document["components"], **media["schema"]}
            jsonschema_rs.Draft202012Validator(whole).validate(media["example"])
            assert path.startswith("/v1/")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ("MemoryIn", {"payload": {}}, {"payload": {}, "tags": ["x"] * 33}),
        ("MemoryIn", {"payload": {}, "session": "s" * 256}, {"payload": {}, "session": "s" * 257}),
        ("RecallIn", {"query": "x", "top_k": 200}, {"query": "x", "top_k": 201}),
        ("BatchIn", {"items": [{}] * 1000}, {"items": [{}] * 1001}),
        ("RecallBatchIn", {"queries": [{"query": "x"}] * 64}, {"queries": [{"query": "x"}] * 65}),
    ],
)
def test_limits_stand_in_the_schema(schema: str, good: object, bad: object) -> None:
    whole = {
        "components": openapi()["components"],
        "$ref": f"#/components/schemas/{schema}",
    }
    validator = jsonschema_rs.Draft202012Validator(whole)
    assert validator.is_valid(good)
    assert not validator.is_valid(bad)


async def test_the_rendition_for_the_page_speaks_3_0_and_loses_no_call() -> None:
    before = json.dumps(openapi())
    older = as_3_0(openapi())
    assert json.dumps(openapi()) == before
    assert older["openapi"] == "3.0.3"
    assert set(older["paths"]) == set(openapi()["paths"])
    for node in nodes(older):
        assert not isinstance(node.get("type"), list), node
        assert not ONLY_3_1 & set(node), node
        assert not isinstance(node.get("exclusiveMinimum"), float | int) or isinstance(
            node["exclusiveMinimum"], bool
        )
    async with running() as client:
        answer = await client.get("/docs/openapi.json")
    assert answer.json() == json.loads(json.dumps(older))
