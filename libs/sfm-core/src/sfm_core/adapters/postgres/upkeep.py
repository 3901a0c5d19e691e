"""What upkeep asks of PostgreSQL."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import anyio
import asyncpg

from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool, translated
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.adapters.postgres.writes import enter
from sfm_core.coordinates import Coordinate
from sfm_core.errors import SfmError
from sfm_core.model import Access, Aging, Due, Standing

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"

_SQL: Final = load_queries("upkeep")
_UNLOCK_S: Final = 2.0


class PostgresUpkeep:
    """Implements `UpkeepRows`, `AccessStore`, `ReceiptStore` and `JobLocks`, over a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def expired(self, namespace: str, *, now: datetime, limit: int) -> Sequence[Due]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["expired"], namespace, now, limit)
        return [Due(coordinate=Coordinate(row["coord"]), version=row["version"]) for row in rows]

    async def count(self, namespace: str, *, now: datetime) -> int:
        async with self._pool.scoped(namespace) as connection:
            return int(await connection.fetchval(_SQL["count_live"], namespace, now))

    async def agings(
        self,
        namespace: str,
        *,
        now: datetime,
        keys: Collection[str],
        since: datetime,
        importance: float,
        after: Coordinate | None,
        limit: int,
    ) -> Sequence[Aging]:
        behind = "" if after is None else after.text
        async with self._pool.paged(namespace) as connection:
            rows = await connection.fetch(
                _SQL["agings"], namespace, now, list(keys), importance, since, behind, limit
            )
        return [
            Aging(
                coordinate=Coordinate(row["coord"]),
                version=row["version"],
                importance=row["importance"],
                since=row["since"],
                keys=frozenset(row["keys"]),
            )
            for row in rows
        ]

    async def standings(
        self, namespace: str, *, now: datetime, after: Coordinate | None, limit: int
    ) -> Sequence[Standing]:
        behind = "" if after is None else after.text
        async with self._pool.paged(namespace) as connection:
            rows = await connection.fetch(_SQL["standings"], namespace, now, behind, limit)
        return [
            Standing(
                coordinate=Coordinate(row["coord"]),
                version=row["version"],
                importance=row["importance"],
                last_at=row["last_at"],
                since=row["since"],
            )
            for row in rows
        ]

    async def add(
        self, namespace: str, accesses: Sequence[Access], *, generation: int | None = None
    ) -> None:
        async def body(connection: Connection) -> None:
            await enter(connection, namespace, batch=False, generation=generation)
            await connection.execute(
                _SQL["add_accesses"],
                namespace,
                [access.id for access in accesses],
                [access.hits for access in accesses],
                [access.last_at for access in accesses],
            )

        await self._pool.in_transaction(body, namespace=namespace)

    async def counted(self, namespace: str, ids: Collection[UUID]) -> dict[UUID, Access]:
        async with self._pool.scoped(namespace) as connection:
            rows = await connection.fetch(_SQL["accesses"], namespace, list(ids))
        found = [
            Access(id=plain_uuid(row["id"]), hits=row["hits"], last_at=row["last_at"])
            for row in rows
        ]
        return {access.id: access for access in found}

    async def sweep(self, namespace: str) -> int:
        async with self._pool.scoped(namespace) as connection:
            return int(await connection.fetchval(_SQL["sweep_accesses"], namespace))

    async def old_receipts(self, *, before: datetime) -> int:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            return int(await connection.fetchval(_SQL["old_receipts"], before))

    async def sweep_receipts(self, *, before: datetime, limit: int) -> int:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            return int(await connection.fetchval(_SQL["sweep_receipts"], before, limit))

    @asynccontextmanager
    async def held(self, namespace: str, *jobs: str) -> AsyncGenerator[bool]:
        """A lock of the session, not of a transaction: a job is many transactions.

        It costs one connection of the pool meanwhile. A connection that may still have the lock
        is closed and not given back, since the pool's others would take the lock for theirs.
        """
        async with self._pool.unscoped() as connection:
            is_settled, taken = False, list[str]()
            try:
                for job in jobs:
                    if not await connection.fetchval(_SQL["try_job"], namespace, job):
                        break
                    taken.append(job)
                is_ours = len(taken) == len(jobs)
                if not is_ours:
                    await _give_back(connection, namespace, taken)
                    taken = []
                try:
                    yield is_ours
                finally:
                    with (
                        anyio.move_on_after(_UNLOCK_S, shield=True),
                        suppress(SfmError),
                        translated(),
                    ):
                        await _give_back(connection, namespace, taken)
                        is_settled = True
            finally:
                if not is_settled:
                    with suppress(asyncpg.InterfaceError):  # it is gone already
                        connection.terminate()


async def _give_back(connection: Connection, namespace: str, jobs: Sequence[str]) -> None:
    for job in jobs:
        await connection.fetchval(_SQL["end_job"], namespace, job)
