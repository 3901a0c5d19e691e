"""`id > last seen`: the check of following fails when positions are not waited for."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.postgres import events as module
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.writes import an_upsert
from tests.integration.test_postgres_event_pages import FollowingCheck

pytestmark = pytest.mark.integration

PLANTED = {
    "id > last seen": "SELECT 9223372036854775807 + length($1) * 0",
    "by transaction ids": (
        "SELECT coalesce(max(seq), 0) FROM memory_events WHERE namespace = $1"
        " AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    ),
}


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=10) as opened:
        await PostgresStore(opened).apply("a", [an_upsert("0")])
        yield opened


@pytest.mark.parametrize("planted", PLANTED)
async def test_following_by_a_wrong_horizon_is_caught(
    planted: str, fresh_database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SQL", {**module._SQL, "horizon": PLANTED[planted]})
    with pytest.raises(AssertionError, match="seed"):
        await ten_checks(fresh_database, pool)


async def ten_checks(dsn: str, pool: Pool) -> None:
    for seed in range(10):
        await FollowingCheck(dsn, PostgresStore(pool), PostgresEvents(pool), seed=seed).run()
