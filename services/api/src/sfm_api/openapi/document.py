"""The OpenAPI 3.1 document, built from the rows that also make the routes."""

import re
from collections.abc import Iterable
from typing import Any, Final

from sfm_api.openapi.call import Call, Parameter
from sfm_api.openapi.calls import CALLS
from sfm_api.openapi.schema import COORDINATE_PATTERN, Schema, ref, text
from sfm_api.openapi.schemas import SCHEMAS
from sfm_api.operations import Body, Operation
from sfm_core.coordinates import NAMESPACE_PATTERN

_ERRORS: Final = {
    400: "The body is not JSON.",
    401: "No token, or an unknown one.",
    403: "The token does not reach that far.",
    404: "Nothing there.",
    408: "The body did not arrive in time.",
    409: "Others kept changing the same memory, or the namespace was erased meanwhile; try again.",
    412: "The precondition does not hold.",
    413: "The body is too large.",
    415: "The body is not sent as the media type of this call.",
    422: "Invalid; `errors` names each fault with its path.",
    429: "The token calls too often; see `Retry-After`.",
    503: "Something it needs does not answer, or too much is going on; see `Retry-After`.",
    504: "Not answered in time.",
}
_TAGS: Final = (
    ("memories", "Store, get, list, delete."),
    ("recall", "Find what matters."),
    ("graph", "Link memories, and follow the links."),
    ("transfer", "Move whole namespaces."),
    ("log", "What happened, in order."),
    ("operations", "What is in the store."),
    ("service", "The process itself; open without a token."),
)
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_IN_PATH: Final[dict[str, Parameter]] = {
    "ns": {
        "name": "ns",
        "in": "path",
        "required": True,
        "schema": text(pattern=NAMESPACE_PATTERN),
        "description": "The namespace.",
        "example": "default",
    },
    "coord": {
        "name": "coord",
        "in": "path",
        "required": True,
        "schema": text(pattern=COORDINATE_PATTERN),
        "description": "The coordinate: 1 to 16 comma-joined numbers.",
        "example": "1,2.5,-3",
    },
}
_RATE: Final[dict[str, Schema]] = {
    "RateLimit-Limit": {
        "description": "Requests a token may make at once; there when tokens are limited.",
        "schema": text(pattern="^[0-9]+$"),
    },
    "RateLimit-Remaining": {
        "description": "Of these, how many are left.",
        "schema": text(pattern="^[0-9]+$"),
    },
    "RateLimit-Reset": {
        "description": "Seconds without a request after which all are there again.",
        "schema": text(pattern="^[0-9]+$"),
    },
    "RateLimit-Policy": {
        "description": "`600;w=60`: after the first 600, as many come back in 60 seconds.",
        "schema": text(pattern="^[0-9]+;w=[0-9]+$"),
    },
}
"""On every answer to a known token."""
_LIMITED: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE}
_HEADERS: Final[dict[int, Schema]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": text()}},
    429: {"Retry-After": {"required": True, "schema": text(pattern="^[0-9]+$")}},
    503: {"Retry-After": {"required": True, "schema": text(pattern="^[0-9]+$")}},
}


def build(operations: Iterable[Operation], *, version: str) -> Schema:
    """The whole document as JSON-ready data.

    Raises:
        KeyError: an operation is served that `calls.CALLS` does not describe.
    """
    paths: dict[str, Schema] = {}
    for operation in operations:
        if operation.hidden:
            continue
        entry = _operation(operation, CALLS[operation.id])
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SomaFractalMemory",
            "version": version,
            "summary": "A self-hosted memory store for AI agents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "headers": _RATE,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, call: Call) -> Schema:
    names = _PARAMETER.findall(operation.path)
    entry: Schema = {
        "operationId": operation.id,
        "tags": [call.tag],
        "summary": call.summary,
        "parameters": [*(_IN_PATH[name] for name in names), *call.parameters],
        "responses": _responses(operation, call),
    }
    if call.description:
        entry["description"] = call.description
    if operation.needs is None:
        entry["security"] = []
    if call.body:
        media = _media(call)
        entry["requestBody"] = {"required": True, "content": {call.media: media}}
    return entry


def _media(call: Call) -> dict[str, Any]:
    """The body; where it is no one JSON value, what its lines are."""
    if call.media != "application/json":
        return {
            "schema": {"description": "Lines, each judged by itself."},
            "x-line": ref(call.body),
        }
    media: dict[str, Any] = {"schema": ref(call.body)}
    if call.example is not None:
        media["example"] = call.example
    return media


def _responses(operation: Operation, call: Call) -> Schema:
    statuses = set(call.errors)
    if operation.needs is not None:
        statuses |= {401, 403, 422, 429, 503, 504}
    if operation.body is not Body.NONE:
        statuses |= {400, 408, 413, 415, 422}
    found = dict(call.answers)
    for status in sorted(statuses):
        found[status] = {
            "description": _ERRORS[status],
            "content": {"application/problem+json": {"schema": ref("Problem")}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
    if operation.needs is not None:
        for status, answer in found.items():
            if status != 401:
                found[status] = {**answer, "headers": {**answer.get("headers", {}), **_LIMITED}}
    return {str(status): found[status] for status in sorted(found)}
