"""What is owed to the vector index, in PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.model import Owed

_SQL: Final = load_queries("wal")
_READS: Final = load_queries("reads")


class PostgresWal:
    """Implements `VectorWal`, over a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def owe(self, namespace: str, ids: Collection[tuple[UUID, int]], *, reason: str) -> None:
        memories, versions = _columns(ids)

        async def body(connection: "asyncpg.pool.PoolConnectionProxy[Any]") -> None:
            await connection.fetchval(_READS["scope"], namespace)
            await connection.execute(_SQL["owe"], namespace, memories, versions, reason)

        await self._pool.in_transaction(body, namespace=namespace)

    async def due(
        self,
        *,
        now: datetime,
        limit: int,
        namespace: str | None = None,
        but: Collection[str] = (),
    ) -> Sequence[Owed]:
        async with self._pool.scoped(namespace or EVERY_NAMESPACE) as connection:
            rows = await connection.fetch(_SQL["due"], now, namespace, limit, sorted(but))
        return [
            Owed(
                namespace=row["namespace"],
                memory_id=plain_uuid(row["memory_id"]),
                version=row["version"],
                reason=row["reason"],
                attempts=row["attempts"],
                since=row["created_at"],
            )
            for row in rows
        ]

    async def paid(self, namespace: str, ids: Collection[tuple[UUID, int]]) -> int:
        memories, versions = _columns(ids)
        async with self._pool.scoped(namespace) as connection:
            done = await connection.execute(_SQL["paid"], namespace, memories, versions)
        return int(done.rpartition(" ")[2])

    async def failed(
        self, namespace: str, ids: Collection[UUID], *, reason: str, due_at: datetime
    ) -> None:
        async with self._pool.scoped(namespace) as connection:
            await connection.execute(_SQL["failed"], namespace, sorted(ids), reason, due_at)

    async def noted(self, namespace: str, *, limit: int) -> Sequence[UUID]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["noted"], namespace, limit)
        return [plain_uuid(row["memory_id"]) for row in rows]

    async def size(self, namespace: str | None = None) -> tuple[int, datetime | None]:
        async with self._pool.scoped(namespace or EVERY_NAMESPACE) as connection:
            row = await connection.fetchrow(_SQL["size"], namespace)
        return row["count"], row["oldest"]


def _columns(ids: Collection[tuple[UUID, int]]) -> tuple[list[UUID], list[int]]:
    """Each memory once, with its highest version, in the order of ids."""
    highest: dict[UUID, int] = {}
    for memory, version in ids:
        highest[memory] = max(version, highest.get(memory, 0))
    return sorted(highest), [highest[memory] for memory in sorted(highest)]
