"""Changes to what is stored, and what it was."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    FLAG,
    OBJECT,
    TIME,
    UUID,
    Schema,
    described,
    integer,
    listing,
    number,
    or_null,
    record,
    ref,
    text,
)
from sfm_api.openapi.schemas_memories import SAID
from sfm_core.decode.limits import MAX_DELETED, MAX_HISTORY
from sfm_core.model import EventType


def _without_default(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "default"}


_PATCHED: Final[dict[str, Schema]] = {
    "importance": number(),
    "pinned": FLAG,
    "tags": described(SAID["tags"], "In place of those it has."),
    "expires_at": {
        **described(TIME, "From then on it is hidden; null: never."),
        "type": ["string", "null"],
    },
    "payload": described(OBJECT, "A merge patch (RFC 7396): null removes a key."),
}

_VERSION: Final[dict[str, Schema]] = {
    "version": integer(1),
    "type": text(enum=[kind.value for kind in EventType]),
    "at": described(TIME, "When it was made."),
    "position": integer(),
    "event_id": UUID,
}


def _version() -> Schema:
    said = {name: _without_default(schema) for name, schema in SAID.items()}
    for name in ("session", "source", "occurred_at", "expires_at"):
        said[name] = or_null(said[name])
    schema = record(_VERSION | said | {"created_at": TIME}, required=tuple(_VERSION))
    return described(schema, "A version; without what the memory said when it is its end.")


SCHEMAS: Final[dict[str, Schema]] = {
    "MemoryPatch": {**record(_PATCHED, required=()), "minProperties": 1},
    "History": record(
        {
            "versions": listing(ref("Version"), maxItems=MAX_HISTORY),
            "next_before": {
                **described(integer(1), "`before` of the next page; null: this is the last."),
                "type": ["integer", "null"],
            },
        }
    ),
    "Version": _version(),
    "RestoreIn": record({"version": integer(1)}),
    "DeleteIn": {
        **record(
            {
                "coordinates": listing(COORDINATE, minItems=1, maxItems=MAX_DELETED),
                "filter": ref("Filter"),
                "all": {**FLAG, "enum": [True]},
            },
            required=(),
        ),
        "minProperties": 1,
        "maxProperties": 1,
    },
    "DeletedMany": record({"deleted": integer()}),
}
