"""How things stand, and what went wrong."""

from typing import Final

from sfm_api.openapi.schema import FLAG, Schema, integer, listing, record, text
from sfm_core.coordinates import NAMESPACE_PATTERN

_COUNTS: Final = (
    "total", "episodic", "semantic", "deleted", "links", "vectors", "pending_index", "wal",
    "position",
)  # fmt: skip


SCHEMAS: Final[dict[str, Schema]] = {
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
                "durable": {
                    **FLAG,
                    "description": "True: it is stored for good, only the vector index does not "
                    "have it yet. The members of the answer that the call would have given stand "
                    "beside this one.",
                },
            },
            required=("type", "title", "status", "detail"),
        ),
        "additionalProperties": True,
    },
}
