"""Memories, as sent and as given."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    FLAG,
    KIND,
    OBJECT,
    TIME,
    UNIT,
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
from sfm_api.openapi.schemas_links import LINKS
from sfm_core.coordinates import NAMESPACE_PATTERN
from sfm_core.decode.limits import (
    MAX_BATCH_ITEMS,
    MAX_NAME_CHARS,
    MAX_PAGE,
    MAX_TAG_CHARS,
    MAX_TAGS,
    MAX_TEXT_BYTES,
)

SAID: Final[dict[str, Schema]] = {
    "payload": described(OBJECT, "The memory itself: any JSON object."),
    "kind": {**KIND, "default": "episodic"},
    "text": text(
        maxLength=MAX_TEXT_BYTES,
        description="What is searched; without it, all string values of the payload. "
        "At most 256 KiB of UTF-8.",
    ),
    "importance": number(default=1.0, description="On any scale; ranks within its namespace."),
    "tags": listing(text(minLength=1, maxLength=MAX_TAG_CHARS), maxItems=MAX_TAGS),
    "session": text(
        minLength=1, maxLength=MAX_NAME_CHARS, description="The episode it belongs to."
    ),
    "source": text(minLength=1, maxLength=MAX_NAME_CHARS, description="Who said or saw it."),
    "occurred_at": described(TIME, "When it happened, with an offset."),
    "expires_at": described(TIME, "From then on it is hidden."),
    "pinned": {**FLAG, "default": False},
}

_STORED: Final[dict[str, Schema]] = {
    "coordinate": COORDINATE,
    "id": UUID,
    "version": integer(1),
    "position": integer(description="Place of the change in the log."),
    "event_id": UUID,
    "created": FLAG,
    "deduplicated": FLAG,
    "index": text(enum=["done", "pending"]),
}


def _memory() -> Schema:
    known = {name: {k: v for k, v in s.items() if k != "default"} for name, s in SAID.items()}
    for name in ("session", "source", "occurred_at", "expires_at"):
        known[name] = or_null(known[name])
    identity = {
        "namespace": text(pattern=NAMESPACE_PATTERN),
        "coordinate": COORDINATE,
        "id": UUID,
        "version": integer(1),
        "position": integer(),
        "created_at": TIME,
        "updated_at": TIME,
        "importance_norm": UNIT,
        "links": LINKS,
    }
    schema = record(identity | known, required=("coordinate", "id", "version", "payload", "kind"))
    return {**schema, "additionalProperties": True}


SCHEMAS: Final[dict[str, Schema]] = {
    "MemoryIn": record(SAID, required=("payload",)),
    "RememberIn": record(
        SAID | {"coordinate": described(COORDINATE, "Without it, one is derived.")},
        required=("payload",),
    ),
    "BatchIn": record(
        {
            "items": listing(
                described(
                    {"anyOf": [ref("RememberIn"), {}]},
                    "`RememberIn`; anything else fails by itself and not the batch.",
                ),
                minItems=1,
                maxItems=MAX_BATCH_ITEMS,
            )
        }
    ),
    "Stored": record(_STORED),
    "BatchStored": record(
        {
            "results": listing(ref("BatchResult"), minItems=1, maxItems=MAX_BATCH_ITEMS),
            "position": integer(),
        }
    ),
    "BatchResult": {
        **record(
            _STORED
            | {
                "index": integer(0, MAX_BATCH_ITEMS - 1, description="Place of the item."),
                "status": integer(200, 599, description="What the item alone would have got."),
                "indexed": {**FLAG, "description": "Whether the vector index has it."},
                "error": ref("Problem"),
            },
            required=("index", "status"),
        ),
        "description": "A stored item, or the problem that kept it from being stored.",
    },
    "Memory": _memory(),
    "Page": record(
        {
            "memories": listing(ref("Memory"), maxItems=MAX_PAGE),
            "next_cursor": or_null(text()),
        }
    ),
}
