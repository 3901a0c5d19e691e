"""A memory: what a caller says of it, and the canonical row."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sfm_core.coordinates import Coordinate
from sfm_core.filters import Attributes
from sfm_core.model.values import JsonObject

DEFAULT_IMPORTANCE: Final = 1.0


class Kind(StrEnum):
    EPISODIC = "episodic"
    """Something that happened."""
    SEMANTIC = "semantic"
    """Something that is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDraft:
    """What a caller may say of a memory, already validated by `sfm_core.decode`."""

    payload: JsonObject
    kind: Kind = Kind.EPISODIC
    text: str | None = None
    """None: derived from the payload (`sfm_core.text.effective_text`)."""
    importance: float = DEFAULT_IMPORTANCE
    tags: tuple[str, ...] = ()
    session: str | None = None
    source: str | None = None
    occurred_at: datetime | None = None
    """Timezone-aware; None: not said, then the time of storing counts for order and filters,
    but is not indexed as words."""
    expires_at: datetime | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A stored memory: the canonical row."""

    namespace: str
    coordinate: Coordinate
    id: UUID
    version: int
    position: int
    """Log position of the event that made this version."""
    draft: MemoryDraft
    text: str
    """What is searched: the given text, else derived from the payload."""
    created_at: datetime
    """Time of the first version since it last came into being (UTC)."""
    updated_at: datetime

    @property
    def happened_at(self) -> datetime:
        """`occurred_at` when the caller said it, else `created_at`."""
        return self.draft.occurred_at or self.created_at

    def has_expired(self, now: datetime) -> bool:
        """Whether it is hidden from every reader by `now`."""
        expires_at = self.draft.expires_at
        return expires_at is not None and expires_at <= now

    def attributes(self) -> Attributes:
        """What filters may ask of it."""
        draft = self.draft
        return Attributes(
            kind=draft.kind,
            tags=draft.tags,
            session=draft.session,
            source=draft.source,
            importance=draft.importance,
            created_at=self.created_at,
            updated_at=self.updated_at,
            occurred_at=self.happened_at,
            pinned=draft.pinned,
            payload=draft.payload,
        )
