"""Calls that are cancelled in the middle of a transaction leave the pool as it was."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from sfm_core.adapters.postgres.pool import Pool, open_pool, transaction

pytestmark = pytest.mark.integration

SIZE = 2
type Body = Callable[[Any], Awaitable[None]]


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[Pool]:
    async with open_pool(fresh_database, size=SIZE) as opened:
        yield opened


async def reading(pool: Pool, body: Body) -> None:
    async with pool.unscoped() as connection, transaction(connection, readonly=True):
        await body(connection)


async def writing(pool: Pool, body: Body) -> None:
    await pool.in_transaction(body, namespace="a")


@pytest.mark.parametrize("way", [reading, writing])
@pytest.mark.parametrize("by", ["scope", "task"])
async def test_a_call_cancelled_inside_a_transaction_rolls_back_and_nothing_is_logged(
    pool: Pool, way: Callable[[Pool, Body], Awaitable[None]], by: str
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))

    async def cancelled(statement: str) -> None:
        begun, scope = anyio.Event(), anyio.CancelScope()

        async def body(connection: Any) -> None:
            await connection.execute("SELECT 1")
            begun.set()
            await connection.execute(statement)
            await anyio.sleep_forever()

        async def call() -> None:
            with scope if by == "scope" else nullcontext():
                await way(pool, body)

        task = asyncio.create_task(call())  # noqa: TID251 - what a program of its own would do
        await begun.wait()
        if by == "scope":
            scope.cancel()
        else:
            task.cancel()
        await asyncio.wait([task])

    with anyio.fail_after(30):
        for _ in range(2 * SIZE):
            await cancelled("SELECT pg_sleep(60)")
            await cancelled("SELECT 1")
        async with pool.unscoped() as one, pool.unscoped() as two:
            for connection in (one, two):
                assert not connection.is_in_transaction()
                assert await connection.fetchval("SELECT 1") == 1
    assert complaints == []


@pytest.mark.parametrize("way", [reading, writing])
async def test_a_connection_that_cannot_be_rolled_back_is_closed_and_the_call_is_cancelled(
    pool: Pool,
    way: Callable[[Pool, Body], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the server is asked to cancel a statement before it has read it: nothing happens."""

    async def unheard(*_: object) -> None:
        return

    monkeypatch.setattr("asyncpg.connection.Connection._cancel", unheard)
    monkeypatch.setattr("sfm_core.adapters.postgres.pool._ROLLBACK_S", 0.1)
    begun = anyio.Event()

    async def body(connection: Any) -> None:
        begun.set()
        await connection.execute("SELECT pg_sleep(60)")

    async def call() -> None:
        await way(pool, body)

    with anyio.fail_after(10):
        for _ in range(2 * SIZE):
            begun = anyio.Event()
            task = asyncio.create_task(call())  # noqa: TID251 - as above
            await begun.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        async with pool.unscoped() as connection:
            assert await connection.fetchval("SELECT 1") == 1
