"""What the schemas are made of: JSON Schema (2020-12) in a few words."""

from collections.abc import Mapping
from typing import Any, Final

from sfm_core.coordinates import MAX_AXES

type Schema = dict[str, Any]

MAX_POSITION: Final = 2**63 - 1
COORDINATE_PATTERN: Final = r"^-?[0-9]{1,16}(\.[0-9]{1,16})?(,-?[0-9]{1,16}(\.[0-9]{1,16})?){0,15}$"
"""What clients should send; longer and exponent forms are read too."""


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: Mapping[str, Schema], *, required: tuple[str, ...] | None = None) -> Schema:
    """An object with these properties and no others; all required unless told."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def text(**limits: Any) -> Schema:  # noqa: ANN401 - JSON Schema keywords
    return {"type": "string", **limits}


def integer(low: int = 0, high: int = MAX_POSITION, **more: Any) -> Schema:  # noqa: ANN401
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def number(**limits: Any) -> Schema:  # noqa: ANN401
    return {"type": "number", **limits}


def listing(items: Schema, **limits: Any) -> Schema:  # noqa: ANN401
    return {"type": "array", "items": items, **limits}


def described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


UUID: Final = text(format="uuid")
TIME: Final = text(format="date-time")
FLAG: Final[Schema] = {"type": "boolean"}
UNIT: Final = number(minimum=0, maximum=1)
OBJECT: Final[Schema] = {"type": "object"}
KIND: Final = text(enum=["episodic", "semantic"])
COORDINATE: Final = described(
    listing(number(), minItems=1, maxItems=MAX_AXES, examples=[[1, 2.5, -3]]),
    "A point that names one memory in its namespace: finite numbers.",
)
