"""Writes whose transactions begin and end when a test says so."""

from types import TracebackType
from typing import Any, Self

import asyncpg

from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.writes import call_of, run_wave
from sfm_core.model import Written
from sfm_core.testing.writes import an_upsert

_WRITES = load_queries("writes")


class OpenWrite:
    """A transaction of its own connection, rolled back at the end unless it was committed."""

    def __init__(self, dsn: str, namespace: str) -> None:
        self._dsn = dsn
        self._namespace = namespace

    async def __aenter__(self) -> Self:
        self._connection: Any = await asyncpg.connect(self._dsn)
        self._transaction = self._connection.transaction()
        await self._transaction.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.close()

    async def enter(self) -> None:
        """Take the transaction's id, and the namespace's lock; the namespace is there."""
        row = await self._connection.fetchrow(_WRITES["enter_single"], self._namespace)
        self._xid = row["xid"]

    async def draw(self, coordinate: str) -> int:
        """Store at a coordinate; the position that was drawn for it."""
        write = an_upsert(coordinate)
        call = call_of(self._namespace, [write])
        [outcome] = (await run_wave(self._connection, call, self._xid, [(0, write)], [])).values()
        assert isinstance(outcome, Written)
        return outcome.position

    async def commit(self) -> None:
        await self._transaction.commit()

    async def roll_back(self) -> None:
        await self._transaction.rollback()
