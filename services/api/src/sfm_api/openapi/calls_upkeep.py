"""The call that lets memories decay, be pruned and expire."""

from typing import Final

from sfm_api.openapi.call import Call, answer

CALLS: Final[dict[str, Call]] = {
    "runDecay": Call(
        tag="operations",
        summary="Let expire, prune and decay what is due",
        description="Expired memories become tombstones, those above `SFM_MAX_MEMORY_SIZE` are "
        "deleted, and payload keys go at the ages of `SFM_DECAY_THRESHOLDS_SECONDS`. With "
        "`dry_run`, tells what would happen, and the same then happens when nothing intervenes. "
        "Restore the `version` of an effect to undo it. Running again does nothing twice, so "
        "it takes no `Idempotency-Key`.",
        body="UpkeepIn",
        example={"dry_run": True},
        answers={200: answer("Exactly what happened, or would.", "UpkeepReport")},
        errors=(409,),
    ),
}
