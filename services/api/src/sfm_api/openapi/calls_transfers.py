"""The calls that move whole namespaces."""

from typing import Final

from sfm_api.openapi.call import Call, query
from sfm_api.openapi.schema import FLAG, Schema, ref, text

NDJSON: Final = "application/x-ndjson"


def _lines(description: str, schema: str) -> Schema:
    """NDJSON; OpenAPI 3.1 has no word for what each line is."""
    media = {"schema": text(), "x-line": ref(schema)}
    return {"description": description, "content": {NDJSON: media}}


CALLS: Final[dict[str, Call]] = {
    "exportNamespace": Call(
        tag="transfer",
        summary="Write out a namespace, line by line",
        description="A stream of `ExportLine`, of one position of the log: a header, what there "
        "is by position, an `end` line with counts and a digest. A file without it was cut; a "
        "line `failed` says why.",
        parameters=(
            query("history", FLAG, "Every version of every memory, deleted ones too."),
            query("vectors", FLAG, "With vectors, float32 in base64, of the model in use."),
        ),
        answers={200: _lines("The lines.", "ExportLine")},
        errors=(422,),
    ),
    "importNamespace": Call(
        tag="transfer",
        summary="Read memories in, line by line",
        description="Takes the lines of an export, or plain memories with a coordinate, in a body "
        "of any length, and answers with a stream of `ImportResult`: one for each memory or faulty "
        "line, at the end one summary. A bad line does not fail the others; the same file again "
        "changes nothing, so it takes no `Idempotency-Key`. Read while you send, or afterwards.",
        parameters=(
            query(
                "mode",
                text(enum=["merge", "replace"], default="merge"),
                "`merge`: what is newer wins. `replace`: what the file says, at the coordinates it "
                "names.",
            ),
        ),
        body="ExportLine",
        media=NDJSON,
        answers={200: _lines("A result for each line.", "ImportResult")},
    ),
}
