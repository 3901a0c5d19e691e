"""The EventLog over PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from sfm_core.adapters.postgres.link_rows import link_after
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import is_cut, plain_uuid
from sfm_core.adapters.windows import PAGE_BYTES
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.model import Event, EventPage, EventType, History, Kind, Memory, MemoryDraft
from sfm_core.offload import INLINE_CHARS, off_loop

_SQL: Final = load_queries("events")


class PostgresEvents:
    """Implements `EventLog`; needs a migrated schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def history(
        self, namespace: str, coordinate: Coordinate, *, limit: int, before: int | None = None
    ) -> History:
        memory = memory_id(namespace, coordinate)
        asked = (namespace, memory, before, limit + 1, PAGE_BYTES)
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["history"], *asked)
        events = await events_of(rows[:limit])
        return History(
            events=events, next_before=events[-1].version if is_cut(rows, limit) else None
        )

    async def at_version(
        self, namespace: str, coordinate: Coordinate, version: int
    ) -> Event | None:
        memory = memory_id(namespace, coordinate)
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["at_version"], namespace, memory, version)
        return next(iter(await events_of(rows)), None)

    async def page(self, namespace: str, *, after: int, limit: int) -> EventPage:
        async with self._pool.scoped(namespace) as connection:
            # before the page's own snapshot: what ends in between is then seen, not passed over
            horizon = await connection.fetchval(_SQL["horizon"], namespace)
            rows = await connection.fetch(
                _SQL["page"], namespace, after, horizon, limit + 1, PAGE_BYTES
            )
        events = await events_of(rows[:limit])
        position = events[-1].position if events else after
        return EventPage(events=tuple(events), position=position, more=is_cut(rows, limit))


async def events_of(rows: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Rows of `memory_events`, decoded on a thread when they are large."""
    chars = sum(len(row["body"] or "") for row in rows)
    return await off_loop(lambda: [event_of(row) for row in rows], when=chars > INLINE_CHARS)


def event_of(row: Mapping[str, Any]) -> Event:
    body: Mapping[str, Any] = {} if row["body"] is None else orjson.loads(row["body"])
    return Event(
        namespace=row["namespace"],
        position=row["seq"],
        event_id=plain_uuid(row["event_id"]),
        memory_id=plain_uuid(row["memory_id"]),
        coordinate=Coordinate(row["coord"]),
        type=EventType(row["type"]),
        version=row["version"],
        at=row["at"],
        memory=_memory_of(row, body) if "payload" in body else None,
        link=link_after(row["namespace"], row, body) if "link" in body else None,
        removed=body.get("removed"),
    )


def _memory_of(row: Mapping[str, Any], body: Mapping[str, Any]) -> Memory:
    """The memory right after its event; `body` as the statement `log_changes` makes it."""
    return Memory(
        namespace=row["namespace"],
        coordinate=Coordinate(row["coord"]),
        id=plain_uuid(row["memory_id"]),
        version=row["version"],
        position=row["seq"],
        draft=MemoryDraft(
            payload=body["payload"],
            kind=Kind(body["kind"]),
            text=body["text"] if body["text_given"] else None,
            importance=float(body["importance"]),
            tags=tuple(body["tags"]),
            session=body["session"],
            source=body["source"],
            occurred_at=_instant(body["occurred_at"]),
            expires_at=_instant(body["expires_at"]),
            pinned=body["pinned"],
        ),
        text=body["text"],
        created_at=datetime.fromisoformat(body["created_at"]),
        updated_at=row["at"],
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
