"""The Ledger over PostgreSQL."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool, transaction
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.model import Digest, LedgerRow, LedgerSum

_SQL: Final = load_queries("ledger")
_FEED: Final = load_queries("feed")
_PATIENCE_S: Final = 120.0
_BEFORE_ALL: Final = UUID(int=0)


class PostgresLedger:
    """Implements `Ledger`; the sums of a whole namespace are one statement."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def spaces(self) -> Sequence[str]:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            rows = await connection.fetch(_SQL["ledger_spaces"])
        return [row["name"] for row in rows]

    async def changed(self, token: int) -> Collection[str]:
        async with (
            self._pool.unscoped() as connection,
            transaction(connection, isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_FEED["open_changes"])
            rows = await connection.fetch(_SQL["ledger_changed"], token)
        return {row["namespace"] for row in rows}

    async def sums(self, namespace: str, *, model_revision: str) -> LedgerSum:
        async with self._pool.scoped(namespace) as connection:
            row = await connection.fetchrow(
                _SQL["ledger_sums"], namespace, model_revision, timeout=_PATIENCE_S
            )
        return LedgerSum(
            points=Digest(row["count"], int(row["total"]) % 2**64),
            versions=Digest(row["embedded"], int(row["embedded_total"]) % 2**64),
            unembedded=row["count"] - row["embedded"],
        )

    async def rows(
        self, namespace: str, *, model_revision: str, after: UUID | None, limit: int
    ) -> Sequence[LedgerRow]:
        behind = _BEFORE_ALL if after is None else after
        async with self._pool.paged(namespace) as connection:
            rows = await connection.fetch(
                _SQL["ledger_rows"], namespace, model_revision, behind, limit
            )
        return [
            LedgerRow(
                id=plain_uuid(row["id"]),
                position=row["position"],
                deleted=row["deleted"],
                embedded=row["embedded"],
            )
            for row in rows
        ]
