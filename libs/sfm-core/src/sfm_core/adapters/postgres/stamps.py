"""What a view that was put aside is held against (`LogIdentity`)."""

from typing import Final

from sfm_core.adapters.postgres.feed import view_rows_of
from sfm_core.adapters.postgres.pool import Pool, transaction
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.model.saved import CatchUp, Fingerprint

_SQL: Final = load_queries("stamps")
_FEED: Final = load_queries("feed")


async def identity(pool: Pool, namespace: str) -> str:
    """`LogIdentity.identity`."""
    async with pool.unscoped() as connection:
        return str(await connection.fetchval(_SQL["identity"], namespace))


async def caught_up(
    pool: Pool, namespace: str, since: int, model_revision: str, dim: int | None
) -> CatchUp:
    """`LogIdentity.caught_up`: everything from one snapshot."""
    async with (
        pool.scoped(namespace) as connection,
        transaction(connection, isolation="repeatable_read", readonly=True),
    ):
        held = await connection.fetchrow(_SQL["fingerprint"], namespace)
        await connection.execute(_FEED["open_changes"])
        rows = await connection.fetch(_FEED["changed_rows"], since, [namespace], model_revision)
        now = await connection.fetchval(_FEED["token"])
    return CatchUp(
        rows=tuple(await view_rows_of(rows, dim)),
        token=int(now),
        fingerprint=Fingerprint(count=held["count"], total=int(held["total"]) % 2**64),
    )
