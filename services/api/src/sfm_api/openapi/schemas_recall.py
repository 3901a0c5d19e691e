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
    or_null,
    record,
    ref,
    text,
)
from sfm_api.openapi.schemas_links import LINKS
from sfm_core.coordinates import MAX_AXES
from sfm_core.decode.limits import (
    MAX_BATCH_QUERIES,
    MAX_BUDGET_TOKENS,
    MAX_CONTEXT_TEXTS,
    MAX_EXPLAINED,
    MAX_GRAPH_HOPS,
    MAX_QUERY_CHARS,
    MAX_TOP_K,
    MAX_WEIGHT,
)
from sfm_core.filters import SYSTEM_FIELDS
from sfm_core.model import Absence
from sfm_core.recall.snippets import MAX_CHARS

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
    "graph_hops": integer(
        0,
        MAX_GRAPH_HOPS,
        default=0,
        description="How far relevance spreads from the best matches along links, both ways; "
        "mode `hybrid` only.",
    ),
    "explain": {**FLAG, "default": False},
    "context": listing(
        text(minLength=1, maxLength=MAX_QUERY_CHARS, pattern=r"\S"),
        minItems=1,
        maxItems=MAX_CONTEXT_TEXTS,
        description="Recent turns that the question stands in, such as what `she` refers to. They "
        "count for a tenth of the question's meaning and words; cosine and BM25 are then of both.",
    ),
    "explain_for": listing(
        COORDINATE,
        minItems=1,
        maxItems=MAX_EXPLAINED,
        description="Places whose rank, or absence, the answer explains; costs a full scoring.",
    ),
    "include": listing(
        text(enum=["payload", "text", "snippet", "links"]), uniqueItems=True, default=["payload"]
    ),
    "budget_tokens": integer(
        1,
        MAX_BUDGET_TOKENS,
        description="Bound on the tokens of what the hits include (payload as JSON, text, "
        "snippet), estimated as a token per 4 bytes of UTF-8. Best first; a hit that does not "
        "fit is left out, and the next one may still fit.",
    ),
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
            {
                "vector": _WEIGHT,
                "keyword": _WEIGHT,
                "context": _WEIGHT,
                "recency": _WEIGHT,
                "graph": _WEIGHT,
            },
            required=(),
        ),
        "description": "Of the hybrid score; scaled to sum to 1. `graph` counts only with "
        "`graph_hops`, for memories that links lift.",
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
                "snippet": ref("Snippet"),
                "links": LINKS,
                "tokens": integer(description="Estimate for this hit, with `budget_tokens`."),
                "kind": KIND,
                "importance": number(),
                "importance_norm": UNIT,
                "occurred_at": or_null(TIME),
                "explain": _EXPLANATION,
            },
            required=("coordinate", "id", "version", "score", "kind", "importance"),
        ),
        "additionalProperties": True,
    },
    "Snippet": {
        **record(
            {
                "text": text(maxLength=MAX_CHARS),
                "start": integer(),
                "marks": listing(listing(integer(), minItems=2, maxItems=2)),
            }
        ),
        "description": "The passage of the memory's text that matches best by words: where it "
        "starts, and matching words as [start, end] within it; all counted in code points.",
    },
    "Placed": {
        **record(
            {
                "coordinate": COORDINATE,
                "hit": FLAG,
                "rank": or_null(integer(1)),
                "score": or_null(UNIT),
                "absent_for": listing(text(enum=[str(reason) for reason in Absence])),
                "explain": _EXPLANATION,
            },
            required=("coordinate", "hit", "rank", "score", "absent_for"),
        ),
        "description": "What became of one of `explain_for`: its rank among all that may be "
        "found, or why it is no hit.",
    },
    "Budget": record({"limit": integer(1), "used": integer(), "left_out": integer()}),
    "RecallResult": record(
        {
            "hits": listing(ref("Hit"), maxItems=MAX_TOP_K),
            "position": integer(description="The answer covers the log up to here."),
            "took_ms": number(minimum=0),
            "degraded": listing(
                text(),
                description="What could not take part: `vector` (no embedding of the question; or "
                "the vector store does not answer, or lacks some, or too much would have to be "
                "read), `slab` (no view in memory; the stores found a few candidates), `graph` (no "
                "links without that view), `changing` (a memory that was found was being changed "
                "all the while it was ranked and read, and is left out).",
            ),
            "explained": listing(ref("Placed"), maxItems=MAX_EXPLAINED),
            "budget": ref("Budget"),
        },
        required=("hits", "position", "took_ms", "degraded"),
    ),
    "RecallBatchResult": record(
        {"results": listing(ref("RecallResult"), minItems=1, maxItems=MAX_BATCH_QUERIES)}
    ),
}
