"""LogGroups over PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sfm_core.adapters.postgres.outbox import unsent_of
from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.windows import PAGE_BYTES
from sfm_core.ports.outbox import Unsent

_SQL: Final = load_queries("groups")
_COUNTED: Final = 10_000


class PostgresLogGroups:
    """Implements `LogGroups`; needs a migrated schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, group: str, member: UUID, *, session_s: float) -> int | None:
        async with self._pool.unscoped() as connection:
            position: int | None = await connection.fetchval(
                _SQL["claim_group"], group, member, session_s
            )
        return position

    async def release(self, group: str, member: UUID) -> None:
        async with self._pool.unscoped() as connection:
            await connection.execute(_SQL["release_group"], group, member)

    async def commit(self, group: str, member: UUID, position: int) -> bool:
        async with self._pool.unscoped() as connection:
            return bool(await connection.fetchval(_SQL["commit_group"], group, member, position))

    async def read(self, *, after: int, limit: int) -> Sequence[Unsent]:
        async with self._pool.paged(EVERY_NAMESPACE) as connection:
            # before the statement's own snapshot: what ends in between is then seen
            horizon = await connection.fetchval(_SQL["horizon_of_all"])
            if horizon is None or horizon <= after:
                return ()
            rows = await connection.fetch(_SQL["read_all"], after, horizon, limit, PAGE_BYTES)
        return await unsent_of(rows)

    async def behind(self, position: int) -> int:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            return int(await connection.fetchval(_SQL["behind"], position, _COUNTED))
