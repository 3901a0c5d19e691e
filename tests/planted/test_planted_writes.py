"""Physical deletes, and receipts outside the transaction: each is caught."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from sfm_core.adapters.postgres import receipts, writes
from sfm_core.adapters.postgres import store as store_module
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.writes import apply_writes
from sfm_core.errors import SfmError
from sfm_core.model import Applied, Delete, Receipt, Write
from sfm_core.testing.writes import an_upsert, at, written
from tests.integration.test_postgres_interruptions import check_interruptions

pytestmark = pytest.mark.integration

PHYSICAL = """
WITH gone AS (
    DELETE FROM memories WHERE namespace = $1 AND coord = ANY($2::text[]) AND deleted_at IS NULL
    RETURNING coord, id, version + 1 AS version, nextval('memory_log') AS position,
              'deleted' AS event_type, now() AS updated_at, created_at, $3::bigint AS xid
)
SELECT coord, id, version, position, event_type, updated_at, created_at FROM gone
"""


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=2) as opened:
        yield opened


async def test_a_physical_delete_is_caught(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PostgresStore(pool)
    await versions_go_on(store, "sound")
    monkeypatch.setattr(writes, "_SQL", {**writes._SQL, "bury": PHYSICAL})
    # the version of the second life is one that an event of the first has: the log refuses it
    with pytest.raises(SfmError):
        await versions_go_on(store, "planted")


async def versions_go_on(store: PostgresStore, namespace: str) -> None:
    first = written(await store.apply(namespace, [an_upsert("1")]))
    gone = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
    again = written(await store.apply(namespace, [an_upsert("1")]))
    assert [one.version for one in (first, gone, again)] == [1, 2, 3]


async def test_a_receipt_outside_the_transaction_is_caught(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_interruptions(pool)
    monkeypatch.setattr(store_module, "apply_writes", _with_receipt_apart)
    with pytest.raises(AssertionError, match="cut at statement"):
        await check_interruptions(pool, "planted")


async def _with_receipt_apart(
    pool: Pool, namespace: str, wanted: list[Write], *, receipt: Receipt | None, **rest: Any
) -> Applied:
    """What is planted: the receipt is looked up before, and kept after, in other transactions."""

    async def known(connection: Any) -> Any:
        await writes.enter(connection, namespace, batch=False, generation=None)
        row = await connection.fetchrow(receipts._SQL["read_receipt"], namespace, "k")
        return None if row is None else await receipts.claim(connection, namespace, receipt)  # type: ignore[arg-type]

    before = await pool.in_transaction(known, namespace=namespace)
    if before is not None:
        return Applied(outcomes=before, replayed=True)
    applied = await apply_writes(pool, namespace, wanted, receipt=None, **rest)
    await pool.in_transaction(partial(_keep, namespace, receipt, applied), namespace=namespace)
    return applied


async def _keep(namespace: str, receipt: Any, applied: Applied, connection: Any) -> None:
    await writes.enter(connection, namespace, batch=False, generation=None)
    await receipts.claim(connection, namespace, receipt)
    await receipts.keep(connection, namespace, receipt, applied.outcomes)
