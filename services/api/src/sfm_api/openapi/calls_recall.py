"""The calls under `/recall`."""

from typing import Final

from sfm_api.openapi.call import Call, answer
from sfm_api.openapi.schema import ref, text

CALLS: Final[dict[str, Call]] = {
    "recall": Call(
        tag="recall",
        summary="Find the memories that matter for a question",
        description="With `Accept: text/event-stream` each hit is an event `hit` as soon as it is "
        "fetched, in the order of the JSON answer; then one `done` with what else that answer "
        "says. What is deleted in between is left out; what is changed in between too, and then "
        "`done` has `changing` in `degraded`. An outage in between ends the stream with `error`, a "
        "problem document.",
        body="RecallIn",
        example={"query": "what does Ada drink?", "top_k": 3, "explain": True},
        answers={
            200: {
                "description": "The best memories, best first.",
                "content": {
                    "application/json": {"schema": ref("RecallResult")},
                    "text/event-stream": {"schema": text()},
                },
            }
        },
    ),
    "recallBatch": Call(
        tag="recall",
        summary="Answer up to 64 questions",
        body="RecallBatchIn",
        example={"queries": [{"query": "what does Ada drink?"}]},
        answers={200: answer("A result for each question, in order.", "RecallBatchResult")},
    ),
}
