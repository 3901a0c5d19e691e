"""The values of the contract as JSON Schema, with every limit that a schema can say."""

from typing import Final

from sfm_api.openapi import (
    schemas_find,
    schemas_lifecycle,
    schemas_links,
    schemas_log,
    schemas_memories,
    schemas_recall,
    schemas_service,
    schemas_transfers,
    schemas_upkeep,
)
from sfm_api.openapi.schema import Schema

SCHEMAS: Final[dict[str, Schema]] = (
    schemas_find.SCHEMAS
    | schemas_lifecycle.SCHEMAS
    | schemas_links.SCHEMAS
    | schemas_log.SCHEMAS
    | schemas_memories.SCHEMAS
    | schemas_recall.SCHEMAS
    | schemas_service.SCHEMAS
    | schemas_transfers.SCHEMAS
    | schemas_upkeep.SCHEMAS
)
