"""The calls about the log."""

from typing import Final

from sfm_api.openapi.call import AT_MOST, Call, answer, header, query
from sfm_api.openapi.schema import integer, ref, text
from sfm_core.decode.events import MAX_EVENTS, EventQuery

CALLS: Final[dict[str, Call]] = {
    "eraseNamespace": Call(
        tag="operations",
        summary="Erase a namespace for good",
        description="Memories, vectors, history, links, idempotency keys, counts and views go, and "
        "there is no way back. A write that was under way answers 409; what is stored under the "
        "name afterwards begins anew. Only for a token with admin access. An "
        "`Idempotency-Key` is refused: a repeat would erase what was stored in between.",
        answers={200: answer("What was removed, by store; what a second look found.", "Erasure")},
        errors=(422,),
    ),
    "rebuildProjection": Call(
        tag="operations",
        summary="Build a projection anew",
        description="`slab`, `lexical` and `graph`: this process drops its view and reads it from "
        "the record store again. `vectors`: every text is embedded anew under the model in use, "
        "and what differs is put right, in portions of half a minute: ask again with `next` as "
        "`after` until it is null; what the vector index has of the namespace is put there anew, "
        "and what is foreign removed. `cache`: emptied. Digests before and after, and of the "
        "truth. Of a namespace larger than the memory for views, or in a process that holds none, "
        "there is no slab and no lexical index (422); `graph` is then the links as paths read "
        "them. Takes no `Idempotency-Key`.",
        body="RebuildIn",
        example={"projection": "slab"},
        answers={200: answer("Digests, and whether they agree.", "Rebuilt")},
    ),
    "listEvents": Call(
        tag="log",
        summary="Read or follow the log",
        description="A page of events behind `after`; ask for the next from its `position`. With "
        "`Accept: text/event-stream` the answer follows the log instead: each event as `id` (its "
        "position), `event` (its type) and `data` (its document), comments while nothing comes. It "
        "may end at any time; ask again with the last id. No position is skipped or given twice.",
        parameters=(
            query("after", integer(default=0), "Only events behind this position."),
            query(
                "limit",
                integer(1, MAX_EVENTS, default=EventQuery().limit),
                AT_MOST,
            ),
            header(
                "Last-Event-ID",
                text(pattern="^[0-9]{1,19}$"),
                "As `after`, and before it, when following: what a client sends that comes back.",
            ),
        ),
        answers={
            200: {
                "description": "A page, or a stream.",
                "content": {
                    "application/json": {"schema": ref("EventPage")},
                    "text/event-stream": {"schema": text()},
                },
            }
        },
    ),
}
