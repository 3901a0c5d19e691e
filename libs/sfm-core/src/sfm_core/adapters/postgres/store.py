"""The RecordStore and ChangeFeed over PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sfm_core.adapters.keyset import decode_cursor, encode_cursor
from sfm_core.adapters.postgres.feed import (
    changes,
    load,
    load_links,
    moment,
    payloads,
    samples,
    token,
    view_rows,
)
from sfm_core.adapters.postgres.filter_terms import filter_terms
from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool, transaction
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import is_cut, memories_of, plain_uuid
from sfm_core.adapters.postgres.stamps import caught_up, identity
from sfm_core.adapters.postgres.words import by_words
from sfm_core.adapters.postgres.writes import apply_writes
from sfm_core.adapters.windows import PAGE_BYTES
from sfm_core.coordinates import Coordinate
from sfm_core.model import (
    Applied,
    Changes,
    LinkRow,
    ListQuery,
    Mark,
    Marks,
    Memory,
    Page,
    RecallQuery,
    Receipt,
    Sample,
    StoreStats,
    ViewRow,
    Write,
)
from sfm_core.model.saved import CatchUp

_SQL: Final = load_queries("reads")


class PostgresStore:
    """Implements `RecordStore`, `ChangeFeed`, `LogIdentity`, `WordSearch`; needs a migrated schema.

    Any call may raise `Unavailable`: the server does not answer, or no connection was free in
    time. A server that came back is used again at the next call. `dim` is the length that
    vectors are to have; None: any.
    """

    def __init__(self, pool: Pool, *, dim: int | None = None) -> None:
        self._pool = pool
        self._dim = dim

    async def rls_enforced(self) -> bool:
        """False: the role passes row-level security by (a superuser), so only the queries'
        own conditions keep tenants apart.
        """
        return await self._pool.rls_enforced()

    async def apply(
        self,
        namespace: str,
        writes: Sequence[Write],
        *,
        receipt: Receipt | None = None,
        all_or_none: bool = False,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> Applied:
        return await apply_writes(
            self._pool,
            namespace,
            writes,
            receipt=receipt,
            all_or_none=all_or_none,
            now=now,
            generation=generation,
        )

    async def get(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Memory]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["get"], namespace, [c.text for c in coordinates])
        return {memory.coordinate: memory for memory in await memories_of(rows)}

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["fetch"], namespace, list(ids))
        return {memory.id: memory for memory in await memories_of(rows)}

    async def marks(self, namespace: str, ids: Collection[UUID]) -> Marks:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["marks"], namespace, list(ids))
        found = [row for row in rows if row["id"] is not None]
        return Marks(
            log=rows[0]["log"],
            of={plain_uuid(row["id"]): Mark(row["position"], row["updated_at"]) for row in found},
        )

    async def view_rows(
        self, namespace: str, ids: Collection[UUID], *, model_revision: str
    ) -> Sequence[ViewRow]:
        return await view_rows(self._pool, namespace, ids, model_revision, self._dim)

    async def last_version(self, namespace: str, coordinate: Coordinate) -> int:
        async with self._pool.scoped(namespace) as connection:
            version = await connection.fetchval(_SQL["last_version"], namespace, coordinate.text)
        return int(version or 0)

    async def by_content(
        self,
        namespace: str,
        content_keys: Collection[int],
        *,
        without: Collection[Coordinate] = (),
    ) -> Mapping[int, Memory]:
        keys, passed_over = list(content_keys), [c.text for c in without]
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["by_content"], namespace, keys, passed_over)
        memories = await memories_of(rows)
        return {row["content_key"]: memory for row, memory in zip(rows, memories, strict=True)}

    async def list(self, namespace: str, query: ListQuery, *, now: datetime) -> Page:
        after, behind = decode_cursor(query.cursor)
        kind = None if query.kind is None else query.kind.value
        async with self._pool.unscoped() as connection, transaction(connection, readonly=True):
            await connection.fetchrow(_SQL["scope_planned"], namespace)
            rows = await connection.fetch(
                _SQL["list"],
                namespace,
                after,
                behind,
                now,
                kind,
                query.tag,
                query.since,
                query.until,
                *filter_terms(query.filter).arguments(),
                query.limit + 1,
                PAGE_BYTES,
            )
        memories = tuple(await memories_of(rows[: query.limit]))
        if not is_cut(rows, query.limit):
            return Page(memories=memories, next_cursor=None)
        last = memories[-1]
        return Page(memories=memories, next_cursor=encode_cursor(last.created_at, last.id))

    async def generation(self, namespace: str) -> int:
        async with self._pool.unscoped() as connection:
            return int(await connection.fetchval(_SQL["generation_of"], namespace))

    async def stats(self, namespace: str) -> StoreStats:
        async with self._pool.scoped(namespace) as connection:
            row = await connection.fetchrow(_SQL["stats"], namespace)
        return StoreStats(**row)

    async def namespaces(self) -> Sequence[str]:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            rows = await connection.fetch(_SQL["namespaces"])
        return [row["name"] for row in rows]

    async def ping(self) -> None:
        async with self._pool.unscoped() as connection:
            await connection.fetchval(_SQL["ping"])

    async def token(self) -> int:
        return await token(self._pool)

    async def moment(self) -> str:
        return await moment(self._pool)

    def load(self, namespace: str, *, model_revision: str) -> AsyncIterator[Sequence[ViewRow]]:
        return load(self._pool, namespace, model_revision, self._dim)

    def load_links(self, namespace: str) -> AsyncIterator[Sequence[LinkRow]]:
        return load_links(self._pool, namespace)

    async def samples(self, namespace: str, *, limit: int) -> tuple[Sequence[Sample], int]:
        return await samples(self._pool, namespace, limit)

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        return await changes(self._pool, token, namespaces, model_revision, self._dim)

    async def identity(self, namespace: str) -> str:
        return await identity(self._pool, namespace)

    async def caught_up(self, namespace: str, token: int, *, model_revision: str) -> CatchUp:
        return await caught_up(self._pool, namespace, token, model_revision, self._dim)

    async def by_words(
        self, namespace: str, query: RecallQuery, *, now: datetime, limit: int
    ) -> Sequence[UUID]:
        return await by_words(self._pool, namespace, query, now, limit)

    def payloads(self, namespace: str) -> AsyncIterator[Sequence[tuple[UUID, int, str]]]:
        return payloads(self._pool, namespace)
