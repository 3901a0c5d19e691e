"""The lines of exports and imports."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    FLAG,
    KIND,
    OBJECT,
    TIME,
    Schema,
    described,
    integer,
    number,
    record,
    ref,
    text,
)
from sfm_core.transfer.verdicts import Outcome

_COUNT: Final = integer()

SCHEMAS: Final[dict[str, Schema]] = {
    "ExportLine": {
        **record(
            {
                "sfm": text(
                    enum=["export", "memory", "version", "sample", "link", "end", "failed"]
                ),
                "format": integer(1),
                "namespace": text(),
                "position": integer(),
                "at": TIME,
                "model_revision": text(),
                "dim": integer(),
                "history": FLAG,
                "vectors": FLAG,
                "coordinate": COORDINATE,
                "version": integer(1),
                "event": text(description="What made this version; only with history."),
                "latest": FLAG,
                "created_at": TIME,
                "updated_at": TIME,
                "from": COORDINATE,
                "to": COORDINATE,
                "type": text(),
                "weight": number(),
                "payload": OBJECT,
                "kind": KIND,
                "text": text(),
                "importance": number(),
                "tags": {"type": "array", "items": text()},
                "session": text(),
                "source": text(),
                "occurred_at": TIME,
                "expires_at": TIME,
                "pinned": FLAG,
                "vector": described(text(), "float32, little-endian, in base64."),
                "lines": _COUNT,
                "memories": _COUNT,
                "versions": _COUNT,
                "samples": _COUNT,
                "links": _COUNT,
                "digest": text(),
                "error": ref("Problem"),
            },
            required=(),
        ),
        "description": "One line, by what it says under `sfm`. `export`: header; `memory`: a "
        "memory; `version`: one version of one, or its end; `sample`: an importance that still "
        "counts, of a version that is not there; `link`: a link; `end`: counts, a digest. "
        "Without `sfm`: a memory.",
    },
    "ImportResult": {
        **record(
            {
                "line": integer(1),
                "status": integer(200, 599, description="What the line alone would have got."),
                "outcome": text(enum=list(Outcome)),
                "coordinate": COORDINATE,
                "version": integer(0),
                "from": COORDINATE,
                "to": COORDINATE,
                "type": text(),
                "position": integer(),
                "error": ref("Problem"),
                "sfm": text(enum=["imported"]),
                "lines": described(_COUNT, "Up to this line all is done."),
                "complete": {
                    "type": ["boolean", "null"],
                    "description": "Whether each export in it came whole; null: it held none.",
                },
                **{outcome.value: _COUNT for outcome in Outcome},
                "failed": _COUNT,
            },
            required=(),
        ),
        "description": "What became of a line; the last one, with `sfm`, sums up.",
    },
}
