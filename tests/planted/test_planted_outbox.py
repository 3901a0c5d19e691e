"""`id > last`: a relay that claims by position instead of by state is caught."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.postgres import outbox as module
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.writes import an_upsert
from tests.integration.test_postgres_outbox import check_a_late_commit

pytestmark = pytest.mark.integration

BY_POSITION = """
SELECT e.namespace, e.seq, e.event_id, e.memory_id, e.coord, e.type, e.version, e.at, e.body,
       e.trace, 1::bigint AS generation
FROM memory_events AS e
WHERE e.seq > (SELECT coalesce(max(seq), 0) FROM memory_events WHERE sent_at IS NOT NULL)
    AND $2::bigint > 0 AND $3::uuid IS NOT NULL AND $4::float8 > 0
ORDER BY e.seq
LIMIT $1
"""


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=4) as opened:
        await PostgresStore(opened).apply("a", [an_upsert("0")])
        yield opened


async def test_a_relay_that_goes_on_behind_the_last_position_is_caught(
    fresh_database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SQL", {**module._SQL, "claim": BY_POSITION})
    with pytest.raises(AssertionError, match="never published"):
        await check_a_late_commit(fresh_database, pool)
