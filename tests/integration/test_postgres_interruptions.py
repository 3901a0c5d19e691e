"""A call that is cut off at any statement is done once when it is repeated with its key."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import Unavailable
from sfm_core.model import Receipt, Written
from sfm_core.testing.writes import an_upsert, at

pytestmark = pytest.mark.integration

MOST_STATEMENTS = 10


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=2) as opened:
        yield opened


class Cut:
    """A connection that is lost at the n-th statement of all that share `left`."""

    def __init__(self, connection: Any, left: list[int]) -> None:
        self._connection = connection
        self._left = left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in ("execute", "fetch", "fetchrow", "fetchval"):
            return found

        async def counted(*args: Any, **more: Any) -> Any:
            self._left[0] -= 1
            if not self._left[0]:
                raise asyncpg.ConnectionDoesNotExistError("cut off by the test")
            return await found(*args, **more)

        return counted


class CutPool(Pool):
    """Over another pool; the n-th statement inside a transaction loses its connection."""

    def __init__(self, pool: Pool, statement: int) -> None:
        super().__init__(pool._driver, acquire_timeout_s=5)
        self.left = [statement]

    async def in_transaction[T](
        self, body: Callable[[Any], Awaitable[T]], *, namespace: str, patient: bool = False
    ) -> T:
        return await super().in_transaction(
            lambda connection: body(Cut(connection, self.left)),
            namespace=namespace,
            patient=patient,
        )


async def check_interruptions(pool: Pool, prefix: str = "cut") -> None:
    """Fail unless a repeat after each interruption finds the write done once, or does it."""
    interrupted = 0
    for statement in range(1, MOST_STATEMENTS):
        namespace, receipt = f"{prefix}-{statement}", Receipt(key="k", fingerprint=b"f")
        try:
            cut = PostgresStore(CutPool(pool, statement))
            await cut.apply(namespace, [an_upsert("1")], receipt=receipt)
        except Unavailable:
            interrupted += 1
        sound = PostgresStore(pool)
        [outcome] = (await sound.apply(namespace, [an_upsert("1")], receipt=receipt)).outcomes
        assert isinstance(outcome, Written)
        done_once = (1, 1, 1)
        stats = await sound.stats(namespace)
        last = await sound.last_version(namespace, at("1"))
        assert (outcome.version, last, stats.total) == done_once, f"cut at statement {statement}"
    assert interrupted > 4


async def test_a_repeat_after_an_interruption_at_any_statement_writes_once(pool: Pool) -> None:
    await check_interruptions(pool)
