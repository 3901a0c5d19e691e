"""The Outbox over PostgreSQL: rows of the log, claimed by state."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import asyncpg

from sfm_core.adapters.postgres.events import event_of, events_of
from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.adapters.windows import PAGE_BYTES
from sfm_core.coordinates import NOWHERE
from sfm_core.errors import SfmError
from sfm_core.model import Event, EventType
from sfm_core.ports.outbox import LEASE_S, Unsent

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"
type Row = Mapping[str, Any]

log = logging.getLogger(__name__)

_SQL: Final = load_queries("outbox")
_COUNTED: Final = 10_000
"""Unsent rows that are counted one by one."""
_RELEASE_S: Final = 2.0


class PostgresOutbox:
    """Implements `Outbox`; needs a migrated schema.

    No transaction is open while a claim is published: it is a row of `outbox_claims`.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def relay(
        self,
        publish: Callable[[Sequence[Unsent]], Awaitable[None]],
        *,
        limit: int,
        lease_s: float = LEASE_S,
    ) -> int:
        claim = uuid4()
        rows = await self._claimed(claim, limit, lease_s)
        if rows:
            async with self._released_unless_marked(claim):
                await publish(await unsent_of(rows))
                await self._mark(claim, rows)
        return len(rows)

    async def backlog(self) -> tuple[int, datetime | None]:
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            row = await connection.fetchrow(_SQL["backlog"], _COUNTED)
        return row["unsent"], row["oldest"]

    async def _claimed(self, claim: UUID, limit: int, lease_s: float) -> Sequence[Row]:
        async def body(connection: Connection) -> Sequence[Row]:
            await connection.execute(_SQL["enter"])
            rows: Sequence[Row] = await connection.fetch(
                _SQL["claim"], limit, PAGE_BYTES, claim, lease_s
            )
            return rows

        return await self._pool.in_transaction(body, namespace=EVERY_NAMESPACE)

    async def _mark(self, claim: UUID, rows: Sequence[Row]) -> None:
        names, positions = [row["namespace"] for row in rows], [row["seq"] for row in rows]
        async with self._pool.scoped(EVERY_NAMESPACE) as connection:
            await connection.execute(_SQL["mark_sent"], names, positions, claim)

    @asynccontextmanager
    async def _released_unless_marked(self, claim: UUID) -> AsyncGenerator[None]:
        try:
            yield
        except BaseException:
            with anyio.move_on_after(_RELEASE_S, shield=True), suppress(SfmError):
                async with self._pool.unscoped() as connection:
                    await connection.execute(_SQL["release"], claim)
            raise


async def unsent_of(rows: Sequence[Row]) -> list[Unsent]:
    """Rows of the log with their generations and traces.

    What this version cannot read is told with as much as is plain, and without a state.
    """
    try:
        events = await events_of(rows)
    except Exception:  # noqa: BLE001 - of a row that something else wrote: the others go on
        events = [_readable(row) for row in rows]
    return [
        Unsent(event=event, generation=row["generation"], trace=row["trace"])
        for event, row in zip(events, rows, strict=True)
    ]


def _readable(row: Row) -> Event:
    try:
        return event_of(row)
    except Exception:  # as above
        log.exception("outbox.unreadable", extra={"position": row["seq"]})
    kinds = {kind.value: kind for kind in EventType}
    return Event(
        namespace=row["namespace"],
        position=row["seq"],
        event_id=plain_uuid(row["event_id"]),
        memory_id=plain_uuid(row["memory_id"]),
        coordinate=NOWHERE,
        type=kinds.get(row["type"], EventType.UPDATED),
        version=row["version"],
        at=row["at"],
        memory=None,
    )
