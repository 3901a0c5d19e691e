"""Finding by words, as asked and as answered."""

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
from sfm_core.decode.limits import MAX_TERM_CHARS, MAX_TOP_K
from sfm_core.find.places import FUZZY_SCORE, PART_SCORE
from sfm_core.model import Match

SCHEMAS: Final[dict[str, Schema]] = {
    "KeywordIn": record(
        {
            "term": text(
                minLength=1,
                maxLength=MAX_TERM_CHARS,
                pattern=r"\S",
                description="What is looked for: words or a piece of one, not a pattern.",
            ),
            "exact": described(
                {**FLAG, "default": False},
                "Only as it is, with no letter or digit right before or behind it.",
            ),
            "case_sensitive": described(
                {**FLAG, "default": False}, "Only in this case; then nothing that is only alike."
            ),
            "top_k": integer(1, MAX_TOP_K, default=50),
            "kind": KIND,
            "filter": ref("Filter"),
        },
        required=("term",),
    ),
    "KeywordResult": record({"hits": listing(ref("KeywordHit"), maxItems=MAX_TOP_K)}),
    "KeywordHit": {
        **record(
            {
                "coordinate": COORDINATE,
                "id": UUID,
                "version": integer(1),
                "score": described(
                    UNIT,
                    f"1 for `word`, {PART_SCORE} for `part`; for `fuzzy` {FUZZY_SCORE} times "
                    "pg_trgm's `word_similarity(term, text)`.",
                ),
                "match": text(enum=[match.value for match in Match]),
                "snippet": ref("Snippet"),
                "payload": OBJECT,
                "kind": KIND,
                "importance": number(),
                "tags": listing(text()),
                "session": or_null(text()),
                "source": or_null(text()),
                "occurred_at": or_null(TIME),
                "created_at": TIME,
            },
            required=("coordinate", "id", "version", "score", "match", "snippet", "payload"),
        ),
        "additionalProperties": True,
    },
}
