"""Lists and counts of canonical rows."""

from dataclasses import dataclass
from datetime import datetime

from sfm_core.filters import Filter
from sfm_core.model.memories import Kind, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Live memories by (created_at, id), oldest first."""

    kind: Kind | None = None
    tag: str | None = None
    filter: Filter | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    memories: tuple[Memory, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """Counts of the canonical rows of one namespace."""

    total: int = 0
    episodic: int = 0
    semantic: int = 0
    deleted: int = 0
    links: int = 0
    vectors: int = 0
    pending_index: int = 0
    wal: int = 0
    position: int = 0
