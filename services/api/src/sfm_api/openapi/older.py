"""The document as OpenAPI 3.0, for the page: the Swagger UI that is packaged reads no 3.1."""

from typing import Any, Final

from sfm_api.openapi.schema import Schema

_NO_CHANGE: Final = frozenset({"example", "default", "enum"})
"""Keys whose values are data, not schema."""


def as_3_0(document: Schema) -> Schema:
    """The same calls and schemas in the words of OpenAPI 3.0.3; `document` is left alone."""
    older: Schema = _converted(document)
    older["openapi"] = "3.0.3"
    older["info"] = {k: v for k, v in older["info"].items() if k != "summary"}
    older["info"]["license"] = {"name": document["info"]["license"]["name"]}
    return older


def _converted(node: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, list):
        return [_converted(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: value if key in _NO_CHANGE else _converted(value) for key, value in node.items()}
    match found.get("type"):
        case [str(kind), "null"]:
            found |= {"type": kind, "nullable": True}
    match found.get("exclusiveMinimum"):
        case int(low) | float(low) if not isinstance(low, bool):
            found |= {"minimum": low, "exclusiveMinimum": True}
    match found.get("examples"):
        case [first, *_]:
            del found["examples"]
            found["example"] = first
    return found
