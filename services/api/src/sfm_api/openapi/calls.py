"""What the OpenAPI document says of each call beyond what its `Operation` row implies."""

from dataclasses import dataclass
from typing import Any, Final

from sfm_api.openapi.schemas import KIND, TIME, Schema, integer, ref, text
from sfm_core.decode.limits import MAX_CURSOR_CHARS, MAX_PAGE, MAX_TAG_CHARS

type Parameter = dict[str, Any]

ETAG: Final[Schema] = {"description": 'The version, quoted: `"3"`.', "schema": text()}
POSITION: Final[Schema] = {
    "description": "Place of the change in the log; give it to a recall as `min_position`.",
    "schema": integer(),
}
REPLAY: Final[Schema] = {
    "description": "`true`: this answer is that of the first request with the same key.",
    "schema": text(enum=["true"]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: summary, inputs, and its answers of success by status."""

    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: str = ""
    example: Any = None
    answers: dict[int, Schema]
    errors: tuple[int, ...] = ()
    """Statuses of failure beyond those that access and body imply."""


def answer(description: str, schema: str = "", headers: dict[str, Schema] | None = None) -> Schema:
    found: Schema = {"description": description}
    if schema:
        found["content"] = {"application/json": {"schema": ref(schema)}}
    if headers:
        found["headers"] = headers
    return found


def query(name: str, schema: Schema, description: str) -> Parameter:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def header(name: str, schema: Schema, description: str) -> Parameter:
    return {"name": name, "in": "header", "schema": schema, "description": description}


KEY: Final = header(
    "Idempotency-Key",
    text(minLength=1, maxLength=255, pattern="^[!-~]+$"),
    "The same key and request give the same answer, written once.",
)
IF_MATCH: Final = header(
    "If-Match", text(pattern='^"[1-9][0-9]{0,17}"$'), "The stored memory has this version."
)
IF_NONE_MATCH: Final = header(
    "If-None-Match", text(enum=["*"]), "Nothing is stored at this coordinate."
)
WAIT: Final = query(
    "wait",
    text(enum=["indexed", "durable"], default="indexed"),
    "`durable` answers 202 right after the commit; the vector index follows.",
)
_WRITTEN: Final = {"ETag": ETAG, "Sfm-Position": POSITION, "Idempotent-Replay": REPLAY}
_BATCH: Final = {"Sfm-Position": POSITION, "Idempotent-Replay": REPLAY}
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
            200: answer("Stored over the memory that was there.", "Stored", _WRITTEN),
            201: answer("Stored.", "Stored", _WRITTEN),
            202: answer("Durable; not in the vector index yet.", "Stored", _WRITTEN),
        },
        errors=(412,),
    ),
    "getMemory": Call(
        tag="memories",
        summary="Get the memory at a coordinate",
        answers={200: answer("The memory.", "Memory", {"ETag": ETAG})},
        errors=(404, 422),
    ),
    "deleteMemory": Call(
        tag="memories",
        summary="Delete the memory at a coordinate",
        description="Deleting again changes nothing and answers the same.",
        parameters=(KEY, IF_MATCH),
        answers={204: answer("It is gone.", headers=_BATCH)},
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
            200: answer("It was stored before.", "Stored", _WRITTEN),
            201: answer("Stored.", "Stored", _WRITTEN),
            202: answer("Durable; not in the vector index yet.", "Stored", _WRITTEN),
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
            query("limit", integer(1, MAX_PAGE, default=100), "At most so many."),
            query(
                "cursor",
                text(minLength=1, maxLength=MAX_CURSOR_CHARS),
                "`next_cursor` of the page before.",
            ),
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
        answers={200: answer("A result for each item, in order.", "BatchStored", _BATCH)},
        errors=(409,),
    ),
    "recall": Call(
        tag="recall",
        summary="Find the memories that matter for a question",
        body="RecallIn",
        example={"query": "what does Ada drink?", "top_k": 3, "explain": True},
        answers={200: answer("The best memories, best first.", "RecallResult")},
    ),
    "recallBatch": Call(
        tag="recall",
        summary="Answer up to 64 questions",
        body="RecallBatchIn",
        example={"queries": [{"query": "what does Ada drink?"}]},
        answers={200: answer("A result for each question, in order.", "RecallBatchResult")},
    ),
    "namespaceStats": Call(
        tag="operations",
        summary="Count what a namespace holds",
        answers={200: answer("Counts.", "Stats")},
        errors=(422,),
    ),
    "listNamespaces": Call(
        tag="operations",
        summary="List the namespaces that the token reaches",
        answers={200: answer("Their names, sorted.", "Namespaces")},
        errors=(422,),
    ),
    "healthz": Call(
        tag="service",
        summary="Does the process live?",
        description="Asks nobody.",
        answers={200: answer("It lives.", "Health")},
    ),
    "readyz": Call(
        tag="service",
        summary="Can it serve?",
        description="Asks every dependency; the answer may be a second old.",
        answers={
            200: answer("It can.", "Readiness"),
            503: answer("It cannot; says what is down.", "Readiness"),
        },
    ),
    "metrics": Call(
        tag="service",
        summary="Metrics for Prometheus",
        answers={
            200: {
                "description": "Prometheus text.",
                "content": {"text/plain": {"schema": text()}},
            }
        },
    ),
    "openapi": Call(
        tag="service",
        summary="This document",
        answers={
            200: {
                "description": "OpenAPI 3.1.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    ),
    "docs": Call(
        tag="service",
        summary="This document, to read and try",
        answers={200: {"description": "A page.", "content": {"text/html": {"schema": text()}}}},
    ),
    "about": Call(
        tag="service",
        summary="What this is",
        answers={
            200: {
                "description": "Name, version and where to go; a page for browsers.",
                "content": {
                    "application/json": {"schema": ref("About")},
                    "text/html": {"schema": text()},
                },
            }
        },
    ),
}
