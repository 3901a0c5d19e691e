"""The LinkStore over PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg

from sfm_core.adapters.link_rules import (
    check_storable,
    decode_cursor,
    encode_cursor,
    never_was,
    no_end,
)
from sfm_core.adapters.postgres import link_rows, receipts
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.writes import enter
from sfm_core.coordinates import memory_id
from sfm_core.errors import NotFound
from sfm_core.model import (
    Direction,
    Link,
    LinkChange,
    LinkKey,
    LinksApplied,
    Neighbor,
    NeighborPage,
    NeighborQuery,
    PutLink,
    Receipt,
    WriteOutcome,
    Written,
)
from sfm_core.runtime.tracing import traceparent

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"

_SQL: Final = load_queries("links")
_PAGE: Final = 1000


class _NothingDone(Exception):
    """Ends a transaction in which nothing happened that must last."""

    def __init__(self, applied: LinksApplied) -> None:
        super().__init__()
        self.applied = applied


class PostgresLinks:
    """Implements `LinkStore`; needs a migrated schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def apply(
        self,
        namespace: str,
        changes: Sequence[LinkChange],
        *,
        receipt: Receipt | None = None,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> LinksApplied:
        check_storable(changes)
        body = partial(
            _transaction,
            namespace=namespace,
            changes=changes,
            receipt=receipt,
            now=now,
            generation=generation,
        )
        try:
            return await self._pool.in_transaction(body, namespace=namespace)
        except _NothingDone as done:
            return done.applied

    async def neighbors(
        self, namespace: str, memory: UUID, query: NeighborQuery, *, now: datetime
    ) -> NeighborPage:
        found = await self._neighbors(namespace, [memory], query, query.limit + 1, now)
        rows = found.get(memory, [])
        page = tuple(rows[: query.limit])
        cursor = encode_cursor(page[-1]) if len(rows) > query.limit else None
        return NeighborPage(neighbors=page, next_cursor=cursor)

    async def of(
        self, namespace: str, memories: Collection[UUID], *, limit: int, now: datetime
    ) -> Mapping[UUID, Sequence[Neighbor]]:
        return await self._neighbors(namespace, list(memories), NeighborQuery(), limit, now)

    async def _neighbors(
        self,
        namespace: str,
        memories: Sequence[UUID],
        query: NeighborQuery,
        limit: int,
        now: datetime,
    ) -> dict[UUID, list[Neighbor]]:
        behind = decode_cursor(query.cursor) or (None, None, None, None)
        direction = None if query.direction is Direction.BOTH else query.direction.value
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(
                _SQL["neighbors"], namespace, memories, query.type, direction, now, limit, *behind
            )
        found: dict[UUID, list[Neighbor]] = {}
        for row in rows:
            found.setdefault(UUID(int=row["of_id"].int), []).append(link_rows.neighbor_of(row))
        return found

    async def all(self, namespace: str) -> AsyncIterator[Sequence[Link]]:
        behind: tuple[UUID, UUID, str] = (UUID(int=0), UUID(int=0), "")
        while True:
            async with self._pool.paged(namespace) as connection:
                rows = await connection.fetch(_SQL["all_links"], namespace, *behind, _PAGE)
            if rows:
                yield [link_rows.link_of(namespace, row) for row in rows]
            if len(rows) < _PAGE:
                return
            behind = rows[-1]["from_id"], rows[-1]["to_id"], rows[-1]["type"]


async def _transaction(
    connection: Connection,
    *,
    namespace: str,
    changes: Sequence[LinkChange],
    receipt: Receipt | None,
    now: datetime | None,
    generation: int | None,
) -> LinksApplied:
    entered = await enter(connection, namespace, batch=len(changes) > 1, generation=generation)
    xid = entered.xid
    before = None
    if receipt is not None:
        before = await receipts.claim(connection, namespace, receipt)
    if before is not None:
        rows = await _rows(connection, namespace, [change.key for change in changes])
        return LinksApplied(
            outcomes=before, rows=link_rows.all_rows(namespace, rows), replayed=True
        )
    live, known = await held_ends(connection, namespace, changes, now)
    outcomes: list[WriteOutcome] = []
    shown: list[Mapping[str, Any]] = []
    changed: list[tuple[LinkKey, Mapping[str, Any]]] = []
    for change in changes:
        refused = refusal_of(change, live if isinstance(change, PutLink) else known)
        if refused is not None:
            outcomes.append(refused)
            continue
        row = await _changed(connection, namespace, change, xid)
        if row is not None:
            changed.append((change.key, row))
            outcomes.append(link_rows.written(namespace, change.key, row))
        else:
            row = next(iter(await _rows(connection, namespace, [change.key])), None)
            outcomes.append(await _unchanged(connection, namespace, change.key, row))
        shown += [] if row is None else [row]
    if changed:
        told = link_rows.events(namespace, changed)
        await connection.execute(_SQL["log_links"], *told, xid, traceparent())
    applied = LinksApplied(outcomes=tuple(outcomes), rows=link_rows.all_rows(namespace, shown))
    if receipt is not None and any(isinstance(outcome, Written) for outcome in outcomes):
        await receipts.keep(connection, namespace, receipt, outcomes)
    elif not changed:
        raise _NothingDone(applied)
    return applied


async def held_ends(
    connection: Connection,
    namespace: str,
    changes: Sequence[LinkChange],
    now: datetime | None,
) -> tuple[frozenset[str], frozenset[str]]:
    """Which ends of links to be live, held against their end; which of the others are known."""
    joined = [change.key for change in changes if isinstance(change, PutLink)]
    parted = [change.key for change in changes if not isinstance(change, PutLink)]
    live: Sequence[Mapping[str, Any]] = ()
    known: Sequence[Mapping[str, Any]] = ()
    if joined:
        live = await connection.fetch(_SQL["hold_ends"], namespace, _places(joined), now)
    if parted:
        known = await connection.fetch(_SQL["known_ends"], namespace, _places(parted))
    return frozenset(row["coord"] for row in live), frozenset(row["coord"] for row in known)


def _places(keys: Sequence[LinkKey]) -> list[str]:
    return sorted({at.text for key in keys for at in (key.origin, key.target)})


def refusal_of(change: LinkChange, ends: frozenset[str]) -> NotFound | None:
    for at in (change.key.origin, change.key.target):
        if at.text not in ends:
            return no_end(change, at)
    return None


async def _changed(
    connection: Connection, namespace: str, change: LinkChange, xid: int
) -> Mapping[str, Any] | None:
    """The link as the change leaves it; None: nothing changed."""
    name = name_of(namespace, change.key)
    if isinstance(change, PutLink):
        row = await connection.fetchrow(_SQL["put_link"], namespace, *name, change.weight, xid)
    else:
        row = await connection.fetchrow(_SQL["unlink"], namespace, *name, xid)
    found: Mapping[str, Any] | None = row
    return found


async def _unchanged(
    connection: Connection, namespace: str, key: LinkKey, there: Mapping[str, Any] | None
) -> Written:
    if there is not None:
        return link_rows.written(namespace, key, there, changed=False)
    return never_was(namespace, key, await connection.fetchval(_SQL["now"]))


async def _rows(
    connection: Connection, namespace: str, keys: Sequence[LinkKey]
) -> Sequence[Mapping[str, Any]]:
    names = [name_of(namespace, key) for key in dict.fromkeys(keys)]
    origins, targets, types = (list(column) for column in zip(*names, strict=True))
    rows: Sequence[Mapping[str, Any]] = await connection.fetch(
        _SQL["read_links"], namespace, origins, targets, types
    )
    return rows


def name_of(namespace: str, key: LinkKey) -> tuple[UUID, UUID, str]:
    return memory_id(namespace, key.origin), memory_id(namespace, key.target), key.type
