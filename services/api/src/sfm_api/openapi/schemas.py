"""The values of the contract as JSON Schema (2020-12), with every limit that a schema can say."""

from collections.abc import Mapping
from typing import Any, Final

from sfm_core.coordinates import MAX_AXES, NAMESPACE_PATTERN
from sfm_core.decode.limits import (
    MAX_BATCH_ITEMS,
    MAX_BATCH_QUERIES,
    MAX_NAME_CHARS,
    MAX_PAGE,
    MAX_QUERY_CHARS,
    MAX_TAG_CHARS,
    MAX_TAGS,
    MAX_TEXT_BYTES,
    MAX_TOP_K,
    MAX_WEIGHT,
)
from sfm_core.filters import SYSTEM_FIELDS

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

_SAID: Final[dict[str, Schema]] = {
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

_EXPLANATION: Final = described(
    {"type": "object", "additionalProperties": True},
    "Named parts that add up to the score, the raw cosine and BM25, weights, configuration hash.",
)

_FILTER: Final[Schema] = {
    "type": "object",
    "description": "Mongo-style: `{field: value}`, `{field: {$eq|$ne|$gt|$gte|$lt|$lte|$in|$nin|"
    "$exists|$contains: value}}`, joined by `$and`, `$or`, `$not`. A field is a dotted path in "
    f"the payload or one of {' '.join(sorted(SYSTEM_FIELDS))}. At most 16 comparisons.",
    "examples": [{"topic": "tea", "@importance": {"$gte": 2}}],
}

_RECALL: Final[dict[str, Schema]] = {
    "query": text(minLength=1, maxLength=MAX_QUERY_CHARS, pattern=r"\S"),
    "top_k": integer(1, MAX_TOP_K, default=5),
    "mode": text(enum=["hybrid", "vector", "keyword"], default="hybrid"),
    "kind": KIND,
    "filter": ref("Filter"),
    "since": described(TIME, "Inclusive bound on when it happened."),
    "until": described(TIME, "Exclusive bound on when it happened."),
    "box": ref("Box"),
    "min_score": UNIT,
    "min_similarity": number(minimum=-1, maximum=1),
    "min_position": integer(description="Wait until the answer covers this place in the log."),
    "now": described(TIME, "Time that recency and expiry are reckoned from."),
    "weights": ref("Weights"),
    "explain": {**FLAG, "default": False},
    "include": listing(text(enum=["payload", "text"]), uniqueItems=True, default=["payload"]),
}

_COUNTS: Final = (
    "total", "episodic", "semantic", "deleted", "links", "vectors", "pending_index", "wal",
    "position",
)  # fmt: skip

_WEIGHT: Final = number(minimum=0, maximum=MAX_WEIGHT)


def _memory() -> Schema:
    known = {name: {k: v for k, v in s.items() if k != "default"} for name, s in _SAID.items()}
    for name in ("session", "source", "occurred_at", "expires_at"):
        known[name] = {**known[name], "type": ["string", "null"]}
    identity = {
        "namespace": text(pattern=NAMESPACE_PATTERN),
        "coordinate": COORDINATE,
        "id": UUID,
        "version": integer(1),
        "position": integer(),
        "created_at": TIME,
        "updated_at": TIME,
        "importance_norm": UNIT,
    }
    schema = record(identity | known, required=("coordinate", "id", "version", "payload", "kind"))
    return {**schema, "additionalProperties": True}


SCHEMAS: Final[dict[str, Schema]] = {
    "MemoryIn": record(_SAID, required=("payload",)),
    "RememberIn": record(
        _SAID | {"coordinate": described(COORDINATE, "Without it, one is derived.")},
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
            "next_cursor": {"type": ["string", "null"]},
        }
    ),
    "Filter": _FILTER,
    "Box": {
        **record(
            {
                "min": listing(number(), minItems=1, maxItems=MAX_AXES),
                "max": listing(number(), minItems=1, maxItems=MAX_AXES),
            }
        ),
        "description": "Inclusive; only memories with as many axes are inside.",
    },
    "Weights": {
        **record(
            {"vector": _WEIGHT, "keyword": _WEIGHT, "context": _WEIGHT, "recency": _WEIGHT},
            required=(),
        ),
        "description": "Of the hybrid score; scaled to sum to 1.",
    },
    "RecallIn": record(_RECALL, required=("query",)),
    "RecallBatchIn": record(
        {"queries": listing(ref("RecallIn"), minItems=1, maxItems=MAX_BATCH_QUERIES)}
    ),
    "Hit": {
        **record(
            {
                "coordinate": COORDINATE,
                "id": UUID,
                "version": integer(1),
                "score": UNIT,
                "payload": OBJECT,
                "text": text(),
                "kind": KIND,
                "importance": number(),
                "importance_norm": UNIT,
                "occurred_at": {**TIME, "type": ["string", "null"]},
                "explain": _EXPLANATION,
            },
            required=("coordinate", "id", "version", "score", "kind", "importance"),
        ),
        "additionalProperties": True,
    },
    "RecallResult": record(
        {
            "hits": listing(ref("Hit"), maxItems=MAX_TOP_K),
            "position": integer(description="The answer covers the log up to here."),
            "took_ms": number(minimum=0),
            "degraded": listing(text(), description="What could not take part."),
        }
    ),
    "RecallBatchResult": record(
        {"results": listing(ref("RecallResult"), minItems=1, maxItems=MAX_BATCH_QUERIES)}
    ),
    "Stats": {
        **record({name: integer() for name in _COUNTS}),
        "additionalProperties": True,
        "description": "Counts of the store; size of the slab, importance state, embedder in use.",
    },
    "Namespaces": record({"namespaces": listing(text(pattern=NAMESPACE_PATTERN))}),
    "Health": record({"status": text(enum=["ok"])}),
    "Readiness": record(
        {
            "ready": FLAG,
            "embedder": text(description="The embedder in use."),
            "dependencies": listing(
                record({"name": text(), "ok": FLAG, "required": FLAG, "detail": text()})
            ),
        }
    ),
    "About": record(
        {
            "name": text(),
            "version": text(),
            "description": text(),
            "links": {"type": "object", "additionalProperties": text()},
        }
    ),
    "Problem": {
        **record(
            {
                "type": text(pattern="^urn:sfm:error:[a-z-]+$"),
                "title": text(),
                "status": integer(400, 599),
                "detail": text(),
                "request_id": text(),
                "errors": listing(record({"path": text(), "message": text()})),
                "durable": FLAG,
            },
            required=("type", "title", "status", "detail"),
        ),
        "additionalProperties": True,
    },
}
