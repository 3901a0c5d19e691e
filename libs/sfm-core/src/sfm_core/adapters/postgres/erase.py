"""The Eraser over PostgreSQL."""

from functools import partial
from typing import Any, Final

import asyncpg
import orjson

from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.coordinates import NOWHERE, event_id, memory_id
from sfm_core.model import Erased, EventType
from sfm_core.model.erasures import counted
from sfm_core.runtime.tracing import traceparent

_SQL: Final = load_queries("erase")
_STORES: Final = {
    "memories": "erase_memories",
    "vectors": "erase_vectors",
    "events": "erase_events",
    "links": "erase_links",
    "receipts": "erase_receipts",
    "accesses": "erase_accesses",
    "importances": "erase_importances",
    "wal": "erase_wal",
}
"""What a namespace has in the database, and the statement that removes it."""
_PATIENCE_S: Final = 600.0
"""For one statement: it removes all rows of a namespace at once."""


class PostgresEraser:
    """Implements `Eraser`; needs a migrated schema.

    The rows are out of reach of every query at once. Their bytes stay in the files of the
    database until a vacuum frees the space and something else is written there, and in the
    server's write-ahead log and backups as long as those are kept.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def erase(self, namespace: str) -> Erased:
        body = partial(_transaction, namespace=namespace)
        return await self._pool.in_transaction(body, namespace=namespace, patient=True)

    async def last(self, namespace: str) -> int:
        async with self._pool.scoped(namespace) as connection:
            position: int | None = await connection.fetchval(_SQL["last_erasure"], namespace)
        return position or 0


async def _transaction(
    connection: "asyncpg.pool.PoolConnectionProxy[Any]", *, namespace: str
) -> Erased:
    await connection.execute(_SQL["make_sure"], namespace)
    xid = (await connection.fetchrow(_SQL["lock"], namespace, timeout=_PATIENCE_S))["xid"]
    generation = await connection.fetchval(_SQL["next_generation"], namespace)
    removed: dict[str, int] = {}
    for store, statement in _STORES.items():
        done = await connection.execute(_SQL[statement], namespace, timeout=_PATIENCE_S)
        removed[store] = int(done.rpartition(" ")[2])
    left = await connection.fetchrow(_SQL["left"], namespace, timeout=_PATIENCE_S)
    place = memory_id(namespace, NOWHERE)
    event = event_id(place, generation, EventType.ERASED)
    body = orjson.dumps({"removed": removed}).decode()
    logged = await connection.fetchrow(
        _SQL["log_erasure"], namespace, event, place, generation, body, xid, traceparent()
    )
    return Erased(
        generation=generation,
        position=logged["seq"],
        event_id=event,
        at=logged["at"],
        stores=counted({store: (count, left[store]) for store, count in removed.items()}),
    )
