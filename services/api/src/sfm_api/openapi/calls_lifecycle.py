"""The calls about what becomes of memories."""

from typing import Final

from sfm_api.openapi.call import (
    AT_MOST,
    BATCH_WRITTEN,
    IF_MATCH,
    IF_NONE_MATCH,
    KEY,
    WAIT,
    WRITTEN,
    Call,
    answer,
    query,
)
from sfm_api.openapi.schema import integer
from sfm_core.decode.limits import MAX_HISTORY
from sfm_core.model import HistoryQuery

CALLS: Final[dict[str, Call]] = {
    "patchMemory": Call(
        tag="memories",
        summary="Change some of a memory",
        description="What is not named stays as it is. `payload` is a merge patch (RFC 7396): "
        "null removes a key. `expires_at: null` takes the time of expiry away; null is refused "
        "elsewhere. A patch that changes nothing writes nothing and answers with the version "
        "that is there. Without `If-Match` it is tried again when another write came between.",
        parameters=(WAIT, KEY, IF_MATCH),
        body="MemoryPatch",
        example={"importance": 5, "tags": ["tea"], "payload": {"said": "Ada drinks black tea"}},
        answers={
            200: answer("Patched, or as it was.", "Stored", WRITTEN),
            202: answer("Durable; not in the vector index yet.", "Stored", WRITTEN),
        },
        errors=(404, 409, 412),
    ),
    "memoryHistory": Call(
        tag="memories",
        summary="List the versions of a memory, newest first",
        description="Also of one that is deleted or has expired: it tells what was. A version "
        "that is the memory's end has no payload.",
        parameters=(
            query("limit", integer(1, MAX_HISTORY, default=HistoryQuery().limit), AT_MOST),
            query("before", integer(1), "Only versions below: `next_before` of the page before."),
        ),
        answers={200: answer("A page of versions.", "History")},
        errors=(404, 422),
    ),
    "restoreMemory": Call(
        tag="memories",
        summary="Make an older version the newest",
        description="Over what is there, or after a deletion, an expiry or decay. Brings back all "
        "that version said and its `created_at`; only an `expires_at` that has passed is left "
        "out. A version that is the memory's end is 422.",
        parameters=(WAIT, KEY, IF_MATCH, IF_NONE_MATCH),
        body="RestoreIn",
        example={"version": 1},
        answers={
            200: answer("Restored, as a new version.", "Stored", WRITTEN),
            202: answer("Durable; not in the vector index yet.", "Stored", WRITTEN),
        },
        errors=(404, 409, 412),
    ),
    "deleteMemories": Call(
        tag="memories",
        summary="Delete many memories, by coordinates or by a filter",
        description="Exactly one of `coordinates`, `filter` and `all`. A filter that admits every "
        "memory is refused: say `all`. By a filter, only what it admits is deleted, in steps: a "
        "call that was cut may have deleted some, and is completed by its repeat. What was "
        "never stored or is deleted already does not count.",
        parameters=(WAIT, KEY),
        body="DeleteIn",
        example={"filter": {"@session": "chat-7"}},
        answers={
            200: answer("How many are deleted.", "DeletedMany", BATCH_WRITTEN),
            202: answer("As 200; gone from the vector index soon.", "DeletedMany", BATCH_WRITTEN),
        },
        errors=(409,),
    ),
}
