"""Rows of `links` to values, and to events of the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.coordinates import Coordinate, event_id, link_id
from sfm_core.model import Direction, EventType, Link, LinkKey, LinkRow, Neighbor, Written
from sfm_core.offload import off_loop
from sfm_core.runtime.tracing import traceparent

_SQL: Final = load_queries("links")
MOST_SHOWN: Final = 5000
"""Ended links that one write tells of; the change feed tells of more, as it does elsewhere."""
_PORTION: Final = 500
_INLINE: Final = 16


def link_row_of(namespace: str, row: Mapping[str, Any]) -> LinkRow:
    return LinkRow(
        namespace=namespace,
        origin=plain_uuid(row["from_id"]),
        target=plain_uuid(row["to_id"]),
        type=row["type"],
        weight=row["weight"],
        version=row["version"],
        position=row["position"],
        deleted=row["deleted"],
    )


def all_rows(namespace: str, rows: Sequence[Mapping[str, Any]]) -> tuple[LinkRow, ...]:
    return tuple(link_row_of(namespace, row) for row in rows)


def key_of(row: Mapping[str, Any]) -> LinkKey:
    """Of a row that comes with the coordinates of its ends."""
    return LinkKey(
        origin=Coordinate(row["from_coord"]), target=Coordinate(row["to_coord"]), type=row["type"]
    )


def link_of(namespace: str, row: Mapping[str, Any]) -> Link:
    key = key_of(row)
    return Link(
        key=key,
        id=link_id(namespace, key.origin, key.target, key.type),
        weight=row["weight"],
        version=row["version"],
        position=row["position"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def neighbor_of(row: Mapping[str, Any]) -> Neighbor:
    return Neighbor(
        coordinate=Coordinate(row["coord"]),
        id=plain_uuid(row["id"]),
        direction=Direction(row["direction"]),
        type=row["type"],
        weight=row["weight"],
        version=row["version"],
        position=row["position"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def written(
    namespace: str,
    key: LinkKey,
    row: Mapping[str, Any],
    *,
    changed: bool = True,
    named: UUID | None = None,
) -> Written:
    """`named`: what its event is known by, when another log named it."""
    link = link_id(namespace, key.origin, key.target, key.type)
    kind = EventType.UNLINKED if row["deleted"] else EventType.LINKED
    return Written(
        coordinate=key.origin,
        id=link,
        version=row["version"],
        position=row["position"],
        event_id=named or event_id(link, row["version"], kind),
        type=kind,
        at=row["updated_at"],
        created_at=row["created_at"],
        changed=changed,
    )


def events(
    namespace: str, changed: Sequence[tuple[LinkKey, Mapping[str, Any]]]
) -> tuple[object, ...]:
    """What `log_links` takes, but for the transaction's id and the trace."""
    return events_as(namespace, [(key, row, written(namespace, key, row)) for key, row in changed])


def events_as(
    namespace: str, done: Sequence[tuple[LinkKey, Mapping[str, Any], Written]]
) -> tuple[object, ...]:
    """The same of links that come with what is said of their events."""
    return (
        namespace,
        [one.position for _, _, one in done],
        [one.event_id for _, _, one in done],
        [one.id for _, _, one in done],
        [key.origin.text for key, _, _ in done],
        [one.type.value for _, _, one in done],
        [one.version for _, _, one in done],
        [one.at for _, _, one in done],
        [_body(key, row) for key, row, _ in done],
    )


async def end_links(
    connection: "asyncpg.pool.PoolConnectionProxy[Any]",
    namespace: str,
    memories: Sequence[UUID],
    xid: int,
) -> tuple[LinkRow, ...]:
    """End and log every link of these memories; the ended links, at most `MOST_SHOWN`.

    A memory may have any number of links: they are held at once, and ended in portions, each of
    which holds neither the event loop nor a statement for long.
    """
    ended: list[LinkRow] = []
    if not await connection.fetchval(_SQL["hold_links"], namespace, memories):
        return ()
    for statement, first, second in (
        ("unlink_out", "from_id", "to_id"),
        ("unlink_in", "to_id", "from_id"),
    ):
        behind = (UUID(int=0), UUID(int=0), "")
        while True:
            asked = (namespace, memories, xid, *behind, _PORTION)
            rows = await connection.fetch(_SQL[statement], *asked)
            if rows:
                work = partial(_ended, namespace, rows)
                told, shown = await off_loop(work, when=len(rows) > _INLINE)
                await connection.execute(_SQL["log_links"], *told, xid, traceparent())
                ended += shown[: MOST_SHOWN - len(ended)]
            if len(rows) < _PORTION:
                break
            behind = rows[-1][first], rows[-1][second], rows[-1]["type"]
    return tuple(ended)


def _ended(
    namespace: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[tuple[object, ...], tuple[LinkRow, ...]]:
    """The events of ended links, as `log_links` takes them, and what views are shown."""
    return events(namespace, [(key_of(row), row) for row in rows]), all_rows(namespace, rows)


def link_after(namespace: str, row: Mapping[str, Any], body: Mapping[str, Any]) -> Link:
    """The link an event of the log is about; `body` as `events` makes it."""
    said = body["link"]
    key = LinkKey(origin=Coordinate(said["from"]), target=Coordinate(said["to"]), type=said["type"])
    return Link(
        key=key,
        id=link_id(namespace, key.origin, key.target, key.type),
        weight=said["weight"],
        version=row["version"],
        position=row["seq"],
        created_at=datetime.fromisoformat(body["created_at"]),
        updated_at=row["at"],
    )


def _body(key: LinkKey, row: Mapping[str, Any]) -> str:
    said = {
        "link": {
            "from": key.origin.text,
            "to": key.target.text,
            "type": key.type,
            "weight": row["weight"],
        },
        "created_at": row["created_at"],
    }
    return orjson.dumps(said).decode()
