"""The Outbox over PostgreSQL: rows of the log, claimed by state."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from sfm_core.adapters.postgres.events import events_of
from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.ports.outbox import Unsent

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"

_SQL: Final = load_queries("outbox")
_COUNTED: Final = 10_000
"""Unsent rows that are counted one by one."""


class PostgresOutbox:
    """Implements `Outbox`; needs a migrated schema.

    A claim is a transaction: its rows are locked until they are marked, and nobody else's claim
    waits for them. It may last as long as a server lets a transaction wait (30 s).
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def relay(
        self, publish: Callable[[Sequence[Unsent]], Awaitable[None]], *, limit: int
    ) -> int:
        async def claim(connection: Connection) -> int:
            await connection.fetchval(_SQL["enter"])
            rows = await connection.fetch(_SQL["claim"], limit)
            if not rows:
                return 0
            await publish(await unsent_of(rows))
            await connection.execute(
                _SQL["mark_sent"], [row["namespace"] for row in rows], [row["seq"] for row in rows]
            )
            return len(rows)

        return await self._pool.in_transaction(claim, namespace=EVERY_NAMESPACE)

    async def backlog(self) -> tuple[int, datetime | None]:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            row = await connection.fetchrow(_SQL["backlog"], _COUNTED)
        return row["unsent"], row["oldest"]


async def unsent_of(rows: Sequence[Mapping[str, Any]]) -> list[Unsent]:
    """Rows of the log with their generations and traces."""
    events = await events_of(rows)
    return [
        Unsent(event=event, generation=row["generation"], trace=row["trace"])
        for event, row in zip(events, rows, strict=True)
    ]
