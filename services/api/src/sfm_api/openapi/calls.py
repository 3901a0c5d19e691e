"""What the OpenAPI document says of each call beyond what its `Operation` row implies."""

from typing import Final

from sfm_api.openapi import (
    calls_find,
    calls_lifecycle,
    calls_links,
    calls_log,
    calls_memories,
    calls_recall,
    calls_service,
    calls_transfers,
    calls_upkeep,
)
from sfm_api.openapi.call import Call

CALLS: Final[dict[str, Call]] = (
    calls_find.CALLS
    | calls_lifecycle.CALLS
    | calls_links.CALLS
    | calls_log.CALLS
    | calls_memories.CALLS
    | calls_recall.CALLS
    | calls_service.CALLS
    | calls_transfers.CALLS
    | calls_upkeep.CALLS
)
