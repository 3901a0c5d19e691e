"""What describes one call, and what several calls share."""

from dataclasses import dataclass
from typing import Any, Final

from sfm_api.openapi.schema import Schema, integer, ref, text
from sfm_core.decode.limits import MAX_CURSOR_CHARS

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
    media: str = "application/json"
    """Of the body."""
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
    "The same key and request give the same answer, written once. A key is remembered for "
    "SFM_RECEIPT_TTL_SECONDS at least (7 days).",
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
    "`indexed` waits for the vector index, where there is one: 503 with `durable: true` when it "
    "does not take what is stored. `durable` answers 202 right after the commit.",
)
AT_MOST: Final = "At most so many; fewer, and the rest on the next page, where they pass 4 MiB."
CURSOR: Final = query(
    "cursor",
    text(minLength=1, maxLength=MAX_CURSOR_CHARS),
    "`next_cursor` of the page before.",
)
WRITTEN: Final = {"ETag": ETAG, "Sfm-Position": POSITION, "Idempotent-Replay": REPLAY}
BATCH_WRITTEN: Final = {"Sfm-Position": POSITION, "Idempotent-Replay": REPLAY}
