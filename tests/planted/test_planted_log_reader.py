"""A reader that goes up to the head of the log, or to what is committed by now, is caught."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.postgres import groups as module
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.writes import an_upsert
from tests.integration.test_postgres_transport import check_a_late_commit

pytestmark = pytest.mark.integration


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=4) as opened:
        await PostgresStore(opened).apply("a", [an_upsert("0")])
        yield opened


async def test_a_reader_without_a_horizon_is_caught(
    fresh_database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = "SELECT last_value FROM memory_log"
    monkeypatch.setattr(module, "_SQL", {**module._SQL, "horizon_of_all": planted})
    with pytest.raises(AssertionError, match="passed over"):
        await check_a_late_commit(fresh_database, pool)
