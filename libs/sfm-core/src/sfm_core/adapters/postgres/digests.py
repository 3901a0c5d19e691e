"""Digests, and mended vectors, over PostgreSQL."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg

from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid, vector_bytes
from sfm_core.adapters.postgres.writes import enter
from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, Digest, StoredVector

_SQL: Final = load_queries("digests")
_PATIENCE_S: Final = 120.0
_PAGE_BYTES: Final = 4 * 1024 * 1024


class PostgresDigests:
    """Implements `Digests` and `VectorMender`; a whole namespace is one statement."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def memories(self, namespace: str) -> Digest:
        return await self._digest(namespace, _SQL["digest_memories"])

    async def tombstones(self, namespace: str) -> Digest:
        return await self._digest(namespace, _SQL["digest_tombstones"])

    async def links(self, namespace: str) -> Digest:
        return await self._digest(namespace, _SQL["digest_links"])

    async def vectors(self, namespace: str, *, model_revision: str) -> Digest:
        return await self._digest(namespace, _SQL["digest_vectors"], model_revision)

    async def embedded(
        self, namespace: str, *, model_revision: str, after: Coordinate | None, limit: int
    ) -> Sequence[StoredVector]:
        behind = "" if after is None else after.text
        async with self._pool.paged(namespace) as connection:
            rows = await connection.fetch(
                _SQL["embedded"], namespace, model_revision, behind, limit, _PAGE_BYTES
            )
        return [
            StoredVector(
                coordinate=Coordinate(row["coord"]),
                id=plain_uuid(row["id"]),
                version=row["version"],
                text=row["text"],
                source=row["source"],
                occurred_at=row["occurred_at"],
                vector=row["vector"],
            )
            for row in rows
        ]

    async def put_vectors(
        self,
        namespace: str,
        vectors: Sequence[tuple[UUID, int, F32]],
        *,
        model_revision: str,
        generation: int | None = None,
    ) -> int:
        body = partial(
            _put,
            namespace=namespace,
            vectors=vectors,
            revision=model_revision,
            generation=generation,
        )
        return await self._pool.in_transaction(body, namespace=namespace)

    async def _digest(self, namespace: str, statement: str, *more: str) -> Digest:
        async with self._pool.scoped(namespace) as connection:
            row = await connection.fetchrow(statement, namespace, *more, timeout=_PATIENCE_S)
        return Digest(row["count"], int(row["total"]) % 2**64)


async def _put(
    connection: "asyncpg.pool.PoolConnectionProxy[Any]",
    *,
    namespace: str,
    vectors: Sequence[tuple[UUID, int, F32]],
    revision: str,
    generation: int | None,
) -> int:
    await enter(connection, namespace, batch=True, generation=generation)
    done = await connection.execute(
        _SQL["put_vectors"],
        namespace,
        [memory for memory, _, _ in vectors],
        [version for _, version, _ in vectors],
        [vector_bytes(vector) for _, _, vector in vectors],
        revision,
    )
    return int(done.rpartition(" ")[2])
