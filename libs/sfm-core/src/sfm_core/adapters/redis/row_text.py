"""A memory as JSON text and back: every field, equal to what it was."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from sfm_core.coordinates import Coordinate
from sfm_core.model import Kind, Memory, MemoryDraft

_TIMES: Final = ("occurred_at", "expires_at")


def row_text(memory: Memory) -> bytes:
    return orjson.dumps(memory)


def memory_from(text: bytes) -> Memory:
    """The memory that `row_text` was given.

    Raises:
        ValueError, TypeError, KeyError: another program wrote this.
    """
    row: dict[str, Any] = orjson.loads(text)
    draft = row.pop("draft")
    draft |= {name: _time(draft[name]) for name in _TIMES}
    draft |= {"kind": Kind(draft["kind"]), "tags": tuple(draft["tags"])}
    row |= {
        "draft": MemoryDraft(**draft),
        "coordinate": Coordinate(row["coordinate"]["text"]),
        "id": UUID(row["id"]),
        "created_at": datetime.fromisoformat(row["created_at"]),
        "updated_at": datetime.fromisoformat(row["updated_at"]),
    }
    return Memory(**row)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
