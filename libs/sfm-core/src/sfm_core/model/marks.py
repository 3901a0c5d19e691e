"""What tells one state of a memory from every other, without the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sfm_core.model.memories import Memory


class Mark(NamedTuple):
    """The same mark, the same row: positions come again when a log is set back, times do not."""

    position: int
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    log: str
    """Names the log that the positions are of: another database, restored or promoted to a
    timeline of its own, has another."""
    of: Mapping[UUID, Mark]


def mark_of(memory: Memory) -> Mark:
    return Mark(memory.position, memory.updated_at)
