"""The calls under `/memories`."""

from typing import Final

from sfm_api.openapi.call import (
    AT_MOST,
    BATCH_WRITTEN,
    CURSOR,
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    KEY,
    WAIT,
    WRITTEN,
    Call,
    answer,
    query,
)
from sfm_api.openapi.schema import KIND, TIME, integer, text
from sfm_core.decode.limits import MAX_PAGE, MAX_TAG_CHARS

_TEA: Final = {
    "payload": {"said": "Ada drinks green tea in the morning"},
    "session": "chat-7",
    "source": "Ada",
    "occurred_at": "2026-03-01T08:15:00Z",
}

CALLS: Final[dict[str, Call]] = {
    "storeMemory": Call(
        tag="memories",
        summary="Store a memory at a coordinate",
        description="Stores it anew or over the one that is there; each change is one version.",
        parameters=(WAIT, KEY, IF_MATCH, IF_NONE_MATCH),
        body="MemoryIn",
        example=_TEA,
        answers={
            200: answer("Stored over the memory that was there.", "Stored", WRITTEN),
            201: answer("Stored.", "Stored", WRITTEN),
            202: answer("Durable; not in the vector index yet.", "Stored", WRITTEN),
        },
        errors=(409, 412),
    ),
    "getMemory": Call(
        tag="memories",
        summary="Get the memory at a coordinate",
        description="With `version`: as it stood then, also when it is gone or has expired since.",
        parameters=(
            query("version", integer(1), "An older version; 404 when it is an end."),
            query(
                "include",
                text(enum=["links"]),
                "With its strongest links; not of an older version.",
            ),
        ),
        answers={200: answer("The memory.", "Memory", {"ETag": ETAG})},
        errors=(404, 422),
    ),
    "deleteMemory": Call(
        tag="memories",
        summary="Delete the memory at a coordinate",
        description="Deleting again changes nothing and answers the same.",
        parameters=(WAIT, KEY, IF_MATCH),
        answers={
            202: answer("It is gone, from the vector index soon.", headers=BATCH_WRITTEN),
            204: answer("It is gone.", headers=BATCH_WRITTEN),
        },
        errors=(404, 412, 422),
    ),
    "rememberMemory": Call(
        tag="memories",
        summary="Store a memory at a coordinate that is found for it",
        description="The same memory again has the same coordinate and is not stored twice.",
        parameters=(WAIT, KEY),
        body="RememberIn",
        example=_TEA,
        answers={
            200: answer("It was stored before.", "Stored", WRITTEN),
            201: answer("Stored.", "Stored", WRITTEN),
            202: answer("Durable; not in the vector index yet.", "Stored", WRITTEN),
        },
        errors=(409,),
    ),
    "listMemories": Call(
        tag="memories",
        summary="List memories, oldest first",
        parameters=(
            query("kind", KIND, "Only this kind."),
            query("tag", text(minLength=1, maxLength=MAX_TAG_CHARS), "Only with this tag."),
            query("filter", text(minLength=2, maxLength=8192), "A `Filter` as JSON text."),
            query("since", TIME, "Inclusive bound on when it happened."),
            query("until", TIME, "Exclusive bound on when it happened."),
            query("limit", integer(1, MAX_PAGE, default=100), AT_MOST),
            CURSOR,
        ),
        answers={200: answer("A page.", "Page")},
        errors=(422,),
    ),
    "storeMemories": Call(
        tag="memories",
        summary="Store up to 1000 memories",
        description="Items are `RememberIn`. One bad item does not fail the others: each has its "
        "own status.",
        parameters=(WAIT, KEY),
        body="BatchIn",
        example={"items": [_TEA]},
        answers={
            200: answer("A result for each item, in order.", "BatchStored", BATCH_WRITTEN),
            202: answer("As 200; not in the vector index yet.", "BatchStored", BATCH_WRITTEN),
        },
        errors=(409,),
    ),
}
