"""Questions and answers."""

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
    record,
    ref,
    text,
)
from sfm_core.coordinates import MAX_AXES
from sfm_core.decode.limits import (
    MAX_BATCH_QUERIES,
    MAX_QUERY_CHARS,
    MAX_TOP_K,
    MAX_WEIGHT,
)
from sfm_core.filters import SYSTEM_FIELDS

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

_WEIGHT: Final = number(minimum=0, maximum=MAX_WEIGHT)


SCHEMAS: Final[dict[str, Schema]] = {
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
}
