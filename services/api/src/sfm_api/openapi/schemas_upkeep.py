"""What upkeep is asked, and what it did."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    FLAG,
    OBJECT,
    UUID,
    Schema,
    described,
    integer,
    listing,
    record,
    ref,
    text,
)
from sfm_core.model import OF_A_NAMESPACE, EffectKind, RepairKind
from sfm_core.upkeep.plan import MAX_EFFECTS

SCHEMAS: Final[dict[str, Schema]] = {
    "UpkeepIn": record({"dry_run": {**FLAG, "default": False}}, required=()),
    "UpkeepEffect": record(
        {
            "coordinate": COORDINATE,
            "version": integer(1, description="What it happens to: restore it to undo."),
            "kind": text(enum=list(EffectKind)),
            "removed": described(listing(text()), "Payload keys that go, when it decays."),
        }
    ),
    "UpkeepReport": record(
        {
            "dry_run": FLAG,
            "effects": listing(ref("UpkeepEffect"), maxItems=MAX_EFFECTS),
            "complete": described(FLAG, "False: there is more than one run does; run again."),
            "over_limit": integer(
                description="Memories above the greatest number that stay: all left are pinned."
            ),
        }
    ),
    "ReconcileIn": record(
        {
            "dry_run": {**FLAG, "default": False},
            "jobs": described(
                listing(text(enum=list(OF_A_NAMESPACE)), minItems=1), "Default: all of them."
            ),
        },
        required=(),
    ),
    "Repair": record(
        {
            "kind": text(enum=[*EffectKind, *RepairKind]),
            "id": described(UUID, "Of the memory; a whole view has none."),
            "coordinate": described(COORDINATE, "Only of upkeep, as the next two."),
            "version": integer(1, description="What it happens to: restore it to undo."),
            "removed": described(listing(text()), "Payload keys that go, when it decays."),
        },
        required=("kind",),
    ),
    "JobReport": record(
        {
            "job": text(enum=list(OF_A_NAMESPACE)),
            "complete": described(FLAG, "False: there is more than one run does; run again."),
            "counts": described(OBJECT, "How many effects of each kind."),
            "effects": listing(ref("Repair")),
            "over_limit": integer(
                description="Of upkeep: memories above the greatest number that stay."
            ),
        }
    ),
    "ReconcileReport": record(
        {
            "dry_run": FLAG,
            "complete": described(FLAG, "Every job is."),
            "jobs": listing(ref("JobReport"), maxItems=len(OF_A_NAMESPACE)),
        }
    ),
}
