"""The calls under `/recall`."""

from typing import Final

from sfm_api.openapi.call import Call, answer

CALLS: Final[dict[str, Call]] = {
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
}
