"""Whether a request wrote anything: what every table holds, as one digest."""

from typing import Any, Final

import asyncpg

NOT_COMPARED: Final = frozenset({"memory_access", "search_literal", "search_fuzzy"})
"""Access counts come from accepted reads and are written later; the others hold nothing."""

_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_XID: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"


class Watched:
    """A database looked at from outside the application, by a superuser whom no policy binds."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection
        self._tables: list[str] = []
        self._xid = ""
        self._digest: dict[str, tuple[int, str]] = {}

    async def begin(self) -> None:
        """Start from what is there now."""
        rows = await self._connection.fetch(_TABLES)
        self._tables = [row[0] for row in rows if row[0] not in NOT_COMPARED]
        await self.accept()

    async def accept(self) -> None:
        """What was written since is fine."""
        self._digest = await self._digests()
        self._xid = await self._connection.fetchval(_XID)

    async def was_active(self) -> bool:
        """Whether any transaction since then could have written: it took a number."""
        return bool(await self._connection.fetchval(_XID) != self._xid)

    async def changed(self) -> list[str]:
        """The tables that hold something else than before, with what they held and hold."""
        before, after = self._digest, await self._digests()
        self._digest, self._xid = after, await self._connection.fetchval(_XID)
        return [
            f"{table}: {before[table]} -> {after[table]}"
            for table in after
            if before[table] != after[table]
        ]

    async def _digests(self) -> dict[str, tuple[int, str]]:
        sql = " UNION ALL ".join(
            f"SELECT '{t}', count(*), coalesce(bit_xor(hashtextextended(t::text, 0)), 0)::text "  # noqa: S608
            f"FROM ONLY {t} AS t"
            for t in self._tables
        )
        return {row[0]: (row[1], row[2]) for row in await self._connection.fetch(sql)}
