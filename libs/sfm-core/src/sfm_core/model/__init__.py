"""The values that cross boundaries: frozen, slotted, keyword-only."""

from sfm_core.model.embedders import EmbedderInfo
from sfm_core.model.events import Event
from sfm_core.model.listings import ListQuery, Page, StoreStats
from sfm_core.model.memories import DEFAULT_IMPORTANCE, Kind, Memory, MemoryDraft
from sfm_core.model.recalls import (
    Box,
    Explanation,
    Hit,
    Leg,
    Mode,
    RecallQuery,
    RecallResult,
    Weights,
)
from sfm_core.model.values import F32, F64, I32, I64, Json, JsonObject, Mask
from sfm_core.model.views import Changes, Sample, ViewRow
from sfm_core.model.writes import (
    Applied,
    BatchStored,
    Delete,
    EventType,
    Keep,
    Precondition,
    Receipt,
    Stamp,
    Stored,
    StoreItem,
    Upsert,
    Write,
    WriteOutcome,
    Written,
)

__all__ = [
    "DEFAULT_IMPORTANCE",
    "F32",
    "F64",
    "I32",
    "I64",
    "Applied",
    "BatchStored",
    "Box",
    "Changes",
    "Delete",
    "EmbedderInfo",
    "Event",
    "EventType",
    "Explanation",
    "Hit",
    "Json",
    "JsonObject",
    "Keep",
    "Kind",
    "Leg",
    "ListQuery",
    "Mask",
    "Memory",
    "MemoryDraft",
    "Mode",
    "Page",
    "Precondition",
    "RecallQuery",
    "RecallResult",
    "Receipt",
    "Sample",
    "Stamp",
    "StoreItem",
    "StoreStats",
    "Stored",
    "Upsert",
    "ViewRow",
    "Weights",
    "Write",
    "WriteOutcome",
    "Written",
]
