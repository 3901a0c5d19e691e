"""What upkeep is asked, and what it did."""

from typing import Final

from sfm_api.openapi.schema import (
    COORDINATE,
    FLAG,
    Schema,
    described,
    integer,
    listing,
    record,
    ref,
    text,
)
from sfm_core.model import EffectKind
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
}
