"""An erasure whose steps a test takes one by one."""

from types import TracebackType
from typing import Any, Final, Self

from sfm_core.adapters.postgres.pool import connect
from sfm_core.adapters.postgres.queries import load_queries

_SQL: Final = load_queries("erase")
_REMOVES: Final = ("memories", "vectors", "events", "links", "receipts", "accesses", "importances")
_WAITING: Final = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


class OpenErasure:
    """Holds a namespace as `PostgresEraser` does, on a connection of its own."""

    def __init__(self, dsn: str, namespace: str) -> None:
        self._dsn = dsn
        self._namespace = namespace

    async def __aenter__(self) -> Self:
        self._connection: Any = await connect(self._dsn)
        self._transaction = self._connection.transaction()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.close()

    async def lock(self) -> None:
        await self._transaction.start()
        await self._connection.execute(_SQL["make_sure"], self._namespace)
        await self._connection.fetchrow(_SQL["lock"], self._namespace)

    async def waited_for(self, count: int) -> None:
        """Until so many connections wait for a lock."""
        watching = await connect(self._dsn)
        try:
            while await watching.fetchval(_WAITING) < count:
                pass
        finally:
            await watching.close()

    async def commit(self) -> None:
        await self._connection.fetchval(_SQL["next_generation"], self._namespace)
        for store in _REMOVES:
            await self._connection.execute(_SQL[f"erase_{store}"], self._namespace)
        await self._transaction.commit()

    async def left(self) -> int:
        """Rows of the namespace now."""
        watching = await connect(self._dsn)
        try:
            await watching.fetchval(
                "SELECT set_config('sfm.namespace', $1, false)", self._namespace
            )
            return sum((await watching.fetchrow(_SQL["left"], self._namespace)).values())
        finally:
            await watching.close()
