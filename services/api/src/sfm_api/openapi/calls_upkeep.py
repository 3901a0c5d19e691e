"""The calls that let memories decay, be pruned and expire, and that mend what differs."""

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
    "runReconcile": Call(
        tag="operations",
        summary="Do the reconciler's jobs in one namespace",
        description="`upkeep`: as `decay:run`. `wal`: memories that could not be indexed when they "
        "were stored are indexed. `parity`: the vector index, and the view of the process that "
        "answers, are compared with the record store, first by digests; what differs at two looks "
        "is mended, and memories without a vector of the model in use are embedded. With "
        "`dry_run`, tells what would happen, and the same then happens when nothing intervenes. "
        "Running again does nothing twice, so it takes no `Idempotency-Key`. 409: another "
        "process does one of these jobs in this namespace.",
        body="ReconcileIn",
        example={"dry_run": True, "jobs": ["parity"]},
        answers={200: answer("Exactly what happened, or would.", "ReconcileReport")},
        errors=(409,),
    ),
}
