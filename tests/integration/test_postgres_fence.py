"""Every write that waits while its namespace is erased is refused when the erasure commits."""

import anyio
import pytest

from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.errors import Conflict
from sfm_core.testing.contracts_fence import WRITES, Ports, begin_a_life
from tests.servers.erasures import OpenErasure

pytestmark = pytest.mark.integration


async def test_whatever_waits_for_an_erasure_writes_nothing_into_the_next_life(
    fresh_database: str,
) -> None:
    refused: list[str] = []
    async with open_pool(fresh_database, size=len(WRITES) * 2, lock_timeout_s=0) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        await begin_a_life(store, links, "a")
        ports = Ports(
            store=store,
            links=links,
            archive=PostgresArchive(pool),
            mender=PostgresDigests(pool),
            accesses=PostgresUpkeep(pool),
            namespace="a",
            generation=await store.generation("a"),
        )

        async def write(name: str) -> None:
            try:
                await WRITES[name](ports)
            except Conflict:
                refused.append(name)

        async with OpenErasure(fresh_database, "a") as erasure, anyio.create_task_group() as tasks:
            await erasure.lock()
            for name in WRITES:
                tasks.start_soon(write, name)
            await erasure.waited_for(len(WRITES))
            await erasure.commit()
        assert sorted(refused) == sorted(WRITES)
        assert await erasure.left() == 0
