"""The search by words reads an index, below row-level security too."""

from datetime import UTC, datetime

import pytest

from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.writes import an_upsert

pytestmark = pytest.mark.integration
NOW = datetime(2030, 1, 1, tzinfo=UTC)
WORDS = ("tea", "rain", "violin", "garden", "train")


async def test_candidates_by_words_come_from_the_index(fresh_database: str) -> None:
    sql = load_queries("words")
    async with open_pool(fresh_database, size=2) as pool:
        store = PostgresStore(pool)
        for namespace in ("a", "b"):
            for part in range(3):
                await store.apply(
                    namespace,
                    [
                        an_upsert(f"{part},{i}", text=f"{WORDS[i % 5]} number{i} at{part}")
                        for i in range(1000)
                    ],
                )
        async with pool.unscoped() as connection, connection.transaction():
            await connection.execute("ANALYZE memories")
            asked = await connection.fetchrow(sql["ask_words"], "a", "number77 or number78", "0.6")
            conditions: tuple[object, ...] = (
                "a",
                NOW,
                None,
                None,
                None,
                None,
                None,
                None,
                [],
                [],
                [],
            )
            rows = await connection.fetch(
                f"EXPLAIN {sql['by_words']}", *conditions, asked["words"], 50
            )
    plan = "\n".join(row[0] for row in rows)
    assert "memories_words" in plan, plan
    assert "Seq Scan on memories" not in plan, plan
