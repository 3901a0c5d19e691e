"""What the in-memory store keeps of a memory, and what it shows of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import numpy as np
import orjson

from sfm_core.adapters.write_rules import (
    Held,
    broken_precondition,
    check_storable,
    content_rules,
    has_expired,
    payload_text,
    refusal,
)
from sfm_core.coordinates import NOWHERE, Coordinate, event_id, memory_id
from sfm_core.errors import SfmError
from sfm_core.filters import matches
from sfm_core.model import (
    F32,
    Event,
    EventType,
    JsonObject,
    ListQuery,
    Memory,
    MemoryDraft,
    Stamp,
    Upsert,
    ViewRow,
    Write,
    Written,
)

ENDS: Final = frozenset({EventType.DELETED, EventType.EXPIRED})
"""Events after which a memory lives no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    memory: Memory
    type: EventType
    xid: int
    content_key: int
    payload: str = "{}"
    revision: str = ""
    vector: F32 | None = None
    named: UUID | None = None
    """What its event is known by, when another log named it."""

    @property
    def live(self) -> bool:
        return self.type not in ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """Where in the log a write lands, in which transaction and when."""

    position: int
    xid: int
    at: datetime


class Terms:
    """On what terms one call writes: by which time it judges expiry, and what must be unique."""

    def __init__(
        self, rows: Mapping[Coordinate, Row], writes: Sequence[Write], now: datetime | None
    ) -> None:
        self._now = now
        self._keys, but = content_rules(writes)
        passed = frozenset(but)
        wanted = frozenset(self._keys.values())
        self._rivals: defaultdict[int, set[Coordinate]] = defaultdict(set)
        if wanted:
            for coordinate, row in rows.items():
                if row.live and row.content_key in wanted and coordinate not in passed:
                    self._rivals[row.content_key].add(coordinate)

    def is_live(self, row: Row | None) -> bool:
        """Whether an upsert finds a live memory there."""
        return (
            row is not None and row.live and not has_expired(row.memory.draft.expires_at, self._now)
        )

    def refusal(self, write: Write, row: Row | None) -> SfmError | None:
        """Why the write must not happen; None when it may."""
        held = None
        if row is not None:
            memory = row.memory
            held = Held(memory.version, live=row.live, expires_at=memory.draft.expires_at)
        refused = refusal(write, held, self._now)
        if refused is None and isinstance(write, Upsert) and write.coordinate in self._keys:
            rivals = self._rivals[write.content_key] - {write.coordinate}
            return broken_precondition(write) if rivals else None
        return refused


def listed_at(memory: Memory) -> tuple[datetime, UUID]:
    return memory.created_at, memory.id


def admits(query: ListQuery, memory: Memory, now: datetime) -> bool:
    draft = memory.draft
    if memory.has_expired(now):
        return False
    if query.kind is not None and draft.kind is not query.kind:
        return False
    if query.tag is not None and query.tag not in draft.tags:
        return False
    if query.since is not None and memory.happened_at < query.since:
        return False
    if query.until is not None and memory.happened_at >= query.until:
        return False
    return query.filter is None or matches(query.filter, memory.attributes())


def upserted(
    namespace: str,
    before: Row | None,
    write: Upsert,
    payload: str,
    place: LogPlace,
    *,
    updates: bool,
) -> Row:
    """What a store leaves; `updates`: of a memory that lived there."""
    memory = Memory(
        namespace=namespace,
        coordinate=write.coordinate,
        id=memory_id(namespace, write.coordinate),
        version=1 if before is None else before.memory.version + 1,
        position=place.position,
        draft=replace(
            write.draft,
            payload=orjson.loads(payload),
            occurred_at=as_utc(write.draft.occurred_at),
            expires_at=as_utc(write.draft.expires_at),
        ),
        text=write.text,
        created_at=before.memory.created_at if before is not None and updates else place.at,
        updated_at=place.at,
    )
    return Row(
        memory=memory,
        type=EventType.UPDATED if updates else EventType.CREATED,
        xid=place.xid,
        payload=payload,
        content_key=write.content_key,
        revision=write.model_revision or "",
        vector=None if write.vector is None else np.array(write.vector, dtype=np.float32),
    )


def buried(namespace: str, before: Row | None, coordinate: Coordinate, place: LogPlace) -> Row:
    """The tombstone a delete leaves."""
    if before is None:
        memory = Memory(
            namespace=namespace,
            coordinate=coordinate,
            id=memory_id(namespace, coordinate),
            version=1,
            position=place.position,
            draft=MemoryDraft(payload={}),
            text="",
            created_at=place.at,
            updated_at=place.at,
        )
        return Row(memory=memory, type=EventType.DELETED, xid=place.xid, content_key=0)
    memory = replace(
        before.memory,
        version=before.memory.version + 1,
        position=place.position,
        draft=MemoryDraft(payload={}),
        text="",
        updated_at=place.at,
    )
    return Row(memory=memory, type=EventType.DELETED, xid=place.xid, content_key=0)


def stamped(row: Row, stamp: Stamp | None) -> Row:
    """The row as the write's stamp would have it."""
    if stamp is None:
        return row
    memory = row.memory
    memory = replace(
        memory,
        version=max(memory.version, stamp.version or 0),
        created_at=as_utc(stamp.created_at) or memory.created_at,
        updated_at=as_utc(stamp.updated_at) or memory.updated_at,
    )
    return replace(row, memory=memory, type=stamp.event or row.type, named=stamp.event_id)


def event_of(row: Row) -> Event:
    """The event that made the row what it is."""
    memory = row.memory
    return Event(
        namespace=memory.namespace,
        position=memory.position,
        event_id=row.named or event_id(memory.id, memory.version, row.type),
        memory_id=memory.id,
        coordinate=memory.coordinate,
        type=row.type,
        version=memory.version,
        at=memory.updated_at,
        memory=memory if row.live else None,
    )


def erasure_of(
    namespace: str, generation: int, position: int, at: datetime, removed: JsonObject
) -> Event:
    """The event that a namespace was erased."""
    place = memory_id(namespace, NOWHERE)
    return Event(
        namespace=namespace,
        position=position,
        event_id=event_id(place, generation, EventType.ERASED),
        memory_id=place,
        coordinate=NOWHERE,
        type=EventType.ERASED,
        version=generation,
        at=at,
        removed=removed,
    )


def written(row: Row, *, changed: bool = True) -> Written:
    memory = row.memory
    return Written(
        coordinate=memory.coordinate,
        id=memory.id,
        version=memory.version,
        position=memory.position,
        event_id=row.named or event_id(memory.id, memory.version, row.type),
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
