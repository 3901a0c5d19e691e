"""Migrations: numbered SQL files, forward only, each in a transaction of its own."""

from hashlib import blake2b
from typing import Any, Final

import anyio
import asyncpg

from sfm_core.adapters.postgres.pool import EVERY_NAMESPACE, connect, translated
from sfm_core.adapters.postgres.queries import load_migrations, load_queries
from sfm_core.errors import Misconfigured

_SQL: Final = load_queries("schema")
_READS: Final = load_queries("reads")
_OLDEST_SERVER: Final = 140_000
_CLOSE_S: Final = 2.0


async def migrate(
    dsn: str,
    *,
    ssl_mode: str | None = None,
    root_cert: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    connect_timeout_s: float = 5.0,
) -> list[str]:
    """Bring the schema up to this code; the names of the migrations applied now.

    Safe to run from several processes at once: one works, the others wait and find it done.

    Raises:
        Unavailable: the server does not answer.
        Misconfigured: the server is older than PostgreSQL 14, the database was migrated by
            newer code, or a migration that was applied reads differently today.
    """
    connection = await connect(
        dsn,
        ssl_mode=ssl_mode,
        root_cert=root_cert,
        cert=cert,
        key=key,
        connect_timeout_s=connect_timeout_s,
    )
    try:
        with translated():
            return await _migrate(connection)
    finally:
        with anyio.CancelScope(shield=True), translated():
            await connection.close(timeout=_CLOSE_S)


async def _migrate(connection: "asyncpg.Connection[Any]") -> list[str]:
    if await connection.fetchval(_SQL["server_version"]) < _OLDEST_SERVER:
        raise Misconfigured("PostgreSQL 14 or newer is needed")
    await connection.execute(_SQL["lock"])
    try:
        async with connection.transaction():
            await connection.execute(_SQL["make_table"])
        pending = _pending(
            {row["name"]: row["digest"] for row in await connection.fetch(_SQL["applied"])}
        )
        for name, text in pending.items():
            async with connection.transaction():
                await connection.execute(text)
                await connection.execute(_SQL["note"], name, _digest(text))
        async with connection.transaction():
            await connection.fetchval(_READS["scope"], EVERY_NAMESPACE)
            for table in ("memories", "vectors", "events", "links", "samples"):
                await connection.execute(_SQL[f"settle_{table}"])
        return list(pending)
    finally:
        if not connection.is_closed():
            await connection.execute(_SQL["unlock"])


def _pending(applied: dict[str, str]) -> dict[str, str]:
    known = load_migrations()
    newer = sorted(set(applied) - set(known))
    if newer:
        raise Misconfigured(f"the database is newer than this code (it has {newer[-1]})")
    for name, digest in applied.items():
        if digest != _digest(known[name]):
            raise Misconfigured(f"migration {name} was applied in another form")
    return {name: text for name, text in known.items() if name not in applied}


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
