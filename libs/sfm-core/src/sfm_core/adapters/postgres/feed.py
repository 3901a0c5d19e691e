"""The change feed: what was written since a snapshot, by state (ADR 011).

Each row carries the id of the transaction that wrote it last. A token is the oldest id that was
still running when it was taken: whatever that snapshot could not see has this id or a later one,
also a transaction that began long before and commits late.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sfm_core.adapters.postgres.link_rows import link_row_of
from sfm_core.adapters.postgres.pool import Pool, transaction
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid, view_row_of
from sfm_core.model import Changes, LinkRow, Sample, ViewRow
from sfm_core.offload import off_loop

_SQL: Final = load_queries("feed")
_LINKS: Final = load_queries("links")
_PAGE: Final = 500
_LINKS_PAGE: Final = 5000
_INLINE: Final = 16


async def token(pool: Pool) -> int:
    """`ChangeFeed.token`."""
    async with pool.unscoped() as connection:
        return int(await connection.fetchval(_SQL["token"]))


async def moment(pool: Pool) -> str:
    """`ChangeFeed.moment`: the snapshot, which each commit of a transaction with an id changes."""
    async with pool.unscoped() as connection:
        return str(await connection.fetchval(_SQL["moment"]))


async def load(
    pool: Pool, namespace: str, model_revision: str, dim: int | None
) -> AsyncIterator[Sequence[ViewRow]]:
    """`ChangeFeed.load`: pages by coordinate, so that no transaction stays open meanwhile."""
    behind = ""
    while True:
        async with pool.paged(namespace) as connection:
            rows = await connection.fetch(_SQL["load"], namespace, model_revision, behind, _PAGE)
        if rows:
            yield await view_rows_of(rows, dim)
        if len(rows) < _PAGE:
            return
        behind = rows[-1]["coord"]


async def payloads(pool: Pool, namespace: str) -> AsyncIterator[Sequence[tuple[UUID, int, str]]]:
    """`ChangeFeed.payloads`, in pages by coordinate."""
    behind = ""
    while True:
        async with pool.paged(namespace) as connection:
            rows = await connection.fetch(_SQL["payloads"], namespace, behind, _PAGE)
        if rows:
            yield [(plain_uuid(row["id"]), row["version"], row["payload"]) for row in rows]
        if len(rows) < _PAGE:
            return
        behind = rows[-1]["coord"]


async def load_links(pool: Pool, namespace: str) -> AsyncIterator[Sequence[LinkRow]]:
    """`ChangeFeed.load_links`, in pages by their ends."""
    behind = (UUID(int=0), UUID(int=0), "")
    while True:
        async with pool.paged(namespace) as connection:
            rows = await connection.fetch(_LINKS["load_links"], namespace, *behind, _LINKS_PAGE)
        if rows:
            yield await _link_rows(rows)
        if len(rows) < _LINKS_PAGE:
            return
        behind = rows[-1]["from_id"], rows[-1]["to_id"], rows[-1]["type"]


async def samples(pool: Pool, namespace: str, limit: int) -> tuple[Sequence[Sample], int]:
    """`ChangeFeed.samples`: oldest first."""
    async with pool.scoped(namespace) as connection:
        row = await connection.fetchrow(_SQL["samples"], namespace, limit)
    pairs = zip(row["seqs"] or (), row["importances"] or (), strict=True)
    return [Sample(position=seq, importance=value) for seq, value in pairs], row["top"]


async def changes(
    pool: Pool, since: int, namespaces: Collection[str], model_revision: str, dim: int | None
) -> Changes:
    """`ChangeFeed.changes`: everything from one snapshot."""
    names = list(namespaces)
    async with (
        pool.unscoped() as connection,
        transaction(connection, isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_SQL["open_changes"])
        tops = await connection.fetch(_SQL["positions"], names)
        rows = await connection.fetch(_SQL["changed_rows"], since, names, model_revision)
        linked = await connection.fetch(_LINKS["changed_links"], since, names)
        sampled = await connection.fetch(_SQL["changed_samples"], since, names)
    found: dict[str, list[Sample]] = defaultdict(list)
    for row in sampled:
        found[row["namespace"]].append(Sample(position=row["seq"], importance=row["importance"]))
    return Changes(
        rows=tuple(await view_rows_of(rows, dim)),
        samples=dict(found),
        positions={row["name"]: row["top"] for row in tops if row["name"] is not None},
        generations={row["name"]: row["generation"] for row in tops if row["name"] is not None},
        token=tops[0]["token"],
        head=tops[0]["head"],
        links=tuple(await _link_rows(linked)),
    )


async def view_rows(
    pool: Pool, namespace: str, ids: Collection[UUID], model_revision: str, dim: int | None
) -> list[ViewRow]:
    """`RecordStore.view_rows`."""
    async with pool.scoped(namespace) as connection:
        rows = await connection.fetch(_SQL["rows_of"], namespace, model_revision, list(ids))
    return await view_rows_of(rows, dim)


async def view_rows_of(rows: Sequence[Mapping[str, Any]], dim: int | None) -> list[ViewRow]:
    """Decoded on a thread when they are many, so that they do not hold the event loop."""
    return await off_loop(lambda: [view_row_of(row, dim) for row in rows], when=len(rows) > _INLINE)


async def _link_rows(rows: Sequence[Mapping[str, Any]]) -> list[LinkRow]:
    return await off_loop(
        lambda: [link_row_of(row["namespace"], row) for row in rows], when=len(rows) > _INLINE
    )
