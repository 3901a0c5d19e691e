"""The calls that find by place and by words."""

from typing import Final

from sfm_api.openapi.call import AT_MOST, CURSOR, Call, answer, query
from sfm_api.openapi.schema import COORDINATE_PATTERN, integer, text
from sfm_core.decode.limits import MAX_PAGE

CALLS: Final[dict[str, Call]] = {
    "rangeMemories": Call(
        tag="recall",
        summary="List the memories inside a box of coordinates",
        description="The corners belong to it; only memories with as many axes as they have are "
        "inside. In the order of the first axis, page by page.",
        parameters=(
            query("min", text(pattern=COORDINATE_PATTERN), "The lower corner, as a coordinate.")
            | {"required": True, "example": "0,0"},
            query("max", text(pattern=COORDINATE_PATTERN), "The upper corner.")
            | {"required": True, "example": "10,10"},
            query("limit", integer(1, MAX_PAGE, default=100), AT_MOST),
            CURSOR,
        ),
        answers={200: answer("A page.", "Page")},
        errors=(422,),
    ),
    "keywordSearch": Call(
        tag="recall",
        summary="Find the memories whose text has a term, or something like it",
        description="First those with the term as it is between no letters or digits, then those "
        "with it inside a longer word, then (unless `exact` or `case_sensitive`) those with "
        "something like it by trigrams. Ties go to the youngest. Fewer than `top_k`, the best, "
        "where they pass 4 MiB.",
        body="KeywordIn",
        example={"term": "ketle", "top_k": 10},
        answers={200: answer("The best memories, best first.", "KeywordResult")},
    ),
}
