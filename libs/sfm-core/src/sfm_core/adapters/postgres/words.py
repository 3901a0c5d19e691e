"""The WordSearch over PostgreSQL: full-text search by any word, then trigrams."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sfm_core.adapters.postgres.filter_terms import filter_terms
from sfm_core.adapters.postgres.pool import Pool, transaction
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.model import RecallQuery
from sfm_core.trigrams import FUZZY_THRESHOLD

_SQL: Final = load_queries("words")


async def by_words(
    pool: Pool, namespace: str, query: RecallQuery, now: datetime, limit: int
) -> Sequence[UUID]:
    """`WordSearch.by_words`."""
    terms = filter_terms(query.filter)
    conditions = (
        namespace,
        now,
        None if query.kind is None else query.kind.value,
        query.since,
        query.until,
        None if query.box is None else query.box.low,
        None if query.box is None else query.box.high,
        terms.joined,
        terms.paths,
        terms.operators,
        terms.operands,
    )
    async with pool.unscoped() as connection, transaction(connection, readonly=True):
        asked = await connection.fetchrow(
            _SQL["ask_words"], namespace, query.query, str(FUZZY_THRESHOLD)
        )
        found: list[UUID] = []
        if asked["words"]:
            rows = await connection.fetch(_SQL["by_words"], *conditions, asked["words"], limit)
            found += [plain_uuid(row["id"]) for row in rows]
        if len(found) < min(query.top_k, limit):
            rows = await connection.fetch(_SQL["alike"], *conditions, query.query, limit)
            found += [plain_uuid(row["id"]) for row in rows]
    return list(dict.fromkeys(found))[:limit]
