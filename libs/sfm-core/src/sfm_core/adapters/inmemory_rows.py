"""What the in-memory store keeps of a memory, and what it shows of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sfm_core.adapters.write_rules import check_storable, payload_text
from sfm_core.coordinates import event_id
from sfm_core.filters import Attributes, matches
from sfm_core.model import F32, EventType, ListQuery, Memory, Upsert, ViewRow, Write, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    memory: Memory
    type: EventType
    xid: int
    content_key: int
    payload: str = "{}"
    revision: str = ""
    vector: F32 | None = None

    @property
    def live(self) -> bool:
        return self.type is not EventType.DELETED


def listed_at(memory: Memory) -> tuple[datetime, UUID]:
    return memory.created_at, memory.id


def admits(query: ListQuery, memory: Memory, now: datetime) -> bool:
    draft = memory.draft
    if draft.expires_at is not None and draft.expires_at <= now:
        return False
    if query.kind is not None and draft.kind is not query.kind:
        return False
    if query.tag is not None and query.tag not in draft.tags:
        return False
    if query.since is not None and memory.happened_at < query.since:
        return False
    if query.until is not None and memory.happened_at >= query.until:
        return False
    return query.filter is None or matches(query.filter, _attributes(memory))


def _attributes(memory: Memory) -> Attributes:
    draft = memory.draft
    return Attributes(
        kind=draft.kind,
        tags=draft.tags,
        session=draft.session,
        source=draft.source,
        importance=draft.importance,
        created_at=memory.created_at,
        updated_at=memory.updated_at,
        occurred_at=memory.happened_at,
        pinned=draft.pinned,
        payload=draft.payload,
    )


def written(row: Row, *, changed: bool = True) -> Written:
    memory = row.memory
    return Written(
        coordinate=memory.coordinate,
        id=memory.id,
        version=memory.version,
        position=memory.position,
        event_id=event_id(memory.id, memory.version, row.type),
        type=row.type,
        at=memory.updated_at,
        created_at=memory.created_at,
        changed=changed,
    )


def view_row(row: Row, model_revision: str) -> ViewRow:
    memory = row.memory
    if not row.live:
        return ViewRow(
            namespace=memory.namespace,
            id=memory.id,
            coordinate=memory.coordinate,
            version=memory.version,
            position=memory.position,
            deleted=True,
        )
    draft = memory.draft
    return ViewRow(
        namespace=memory.namespace,
        id=memory.id,
        coordinate=memory.coordinate,
        version=memory.version,
        position=memory.position,
        kind=draft.kind,
        payload=row.payload,
        text=memory.text,
        source=draft.source,
        session=draft.session,
        tags=draft.tags,
        importance=draft.importance,
        occurred_at=draft.occurred_at,
        created_at=memory.created_at,
        updated_at=memory.updated_at,
        expires_at=draft.expires_at,
        pinned=draft.pinned,
        vector=row.vector if row.revision == model_revision else None,
    )


def payload_texts(writes: Sequence[Write]) -> dict[int, str]:
    """The payloads as text, by index; what no store can hold is refused before any write."""
    check_storable(writes)
    return {
        index: payload_text(write.draft.payload)
        for index, write in enumerate(writes)
        if isinstance(write, Upsert)
    }


def as_utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
