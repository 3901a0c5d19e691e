"""What becomes of the others while one namespace is held, as by an erasure that takes long."""

import anyio
import pytest

from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import SfmError, Unavailable
from sfm_core.model import Receipt
from sfm_core.testing.writes import an_upsert, at, written
from tests.servers.erasures import OpenErasure

pytestmark = pytest.mark.integration


async def test_those_who_wait_for_one_namespace_leave_connections_to_the_others(
    fresh_database: str,
) -> None:
    """Twelve writers to `a`, four connections; each of the waits here is without a limit."""
    async with open_pool(fresh_database, size=4, lock_timeout_s=0, acquire_timeout_s=2.0) as pool:
        store, failed = PostgresStore(pool), list[SfmError]()
        for name in ("a", "b"):
            await store.apply(name, [an_upsert("1")])

        async def write(n: int) -> None:
            try:
                await store.apply("a", [an_upsert(f"{n}")])
            except Unavailable as error:
                failed.append(error)

        async with OpenErasure(fresh_database, "a") as erasure, anyio.create_task_group() as tasks:
            await erasure.lock()
            for n in range(12):
                tasks.start_soon(write, n)
            await erasure.waited_for(3)
            assert at("1") in await store.get("b", [at("1")])
            assert written(await store.apply("b", [an_upsert("2")])).version == 1
            await erasure.commit()
        assert pool._writes.keys == frozenset()
        assert {error.retriable for error in failed} <= {True}


async def test_a_write_gives_up_a_held_namespace_and_says_to_try_again(
    fresh_database: str,
) -> None:
    async with open_pool(fresh_database, size=2, lock_timeout_s=0.05) as pool:
        store = PostgresStore(pool)
        await store.apply("a", [an_upsert("1")])
        async with OpenErasure(fresh_database, "a") as erasure:
            await erasure.lock()
            with pytest.raises(Unavailable) as raised:
                await store.apply("a", [an_upsert("2")])
            assert raised.value.retriable
            await erasure.commit()
        assert written(await store.apply("a", [an_upsert("2")])).version == 1


async def test_erasing_and_cutting_wait_as_long_as_it_takes(fresh_database: str) -> None:
    """Both ask for the namespace with a lock timeout that has long passed when they get it."""
    async with open_pool(fresh_database, size=8, lock_timeout_s=0.001) as pool:
        store, done = PostgresStore(pool), list[str]()
        await store.apply("a", [an_upsert("1")])

        async def cut() -> None:
            await PostgresArchive(pool).cut("a")
            done.append("cut")

        async def erase() -> None:
            await PostgresEraser(pool).erase("a")
            done.append("erase")

        async with OpenErasure(fresh_database, "a") as erasure, anyio.create_task_group() as tasks:
            await erasure.lock()
            tasks.start_soon(cut)
            await erasure.waited_for(1)
            with pytest.raises(Unavailable):  # an ordinary write meanwhile: its time is over
                await store.apply("a", [an_upsert("2")])
            assert done == []
            await erasure.commit()
        await erase()
    assert done == ["cut", "erase"]


async def test_of_two_calls_at_once_with_one_key_the_later_waits_and_replays(
    fresh_database: str,
) -> None:
    receipt = Receipt(key="k", fingerprint=b"f")
    async with open_pool(fresh_database, size=4) as pool:
        store, replayed = PostgresStore(pool), list[bool]()

        async def write() -> None:
            batch = [an_upsert(f"{n}") for n in range(500)]
            replayed.append((await store.apply("a", batch, receipt=receipt)).replayed)

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(write)
    assert sorted(replayed) == [False, True, True, True]
