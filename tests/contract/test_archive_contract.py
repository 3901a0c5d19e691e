"""The archive in memory and that in PostgreSQL keep the same promises."""

import anyio
import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_archive import InMemoryArchive
from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.model import Cut
from sfm_core.testing.contracts_archive import ArchiveContract, namespace, scanned
from sfm_core.testing.writes import an_upsert
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryArchive(InMemory, ArchiveContract):
    @pytest.fixture
    def archive(self, store: InMemoryStore) -> InMemoryArchive:
        return InMemoryArchive(store)


@pytest.mark.integration
class TestPostgresArchive(InPostgres, ArchiveContract):
    @pytest.fixture
    def archive(self, pool: Pool) -> PostgresArchive:
        return PostgresArchive(pool)

    async def test_a_cut_waits_for_a_writer_that_has_its_position_already(
        self, pool: Pool, store: PostgresStore, archive: PostgresArchive, namespace: str
    ) -> None:
        """Else an event below the cut would come to light while pages are read."""
        await store.apply(namespace, [an_upsert("1")])
        cuts: list[Cut] = []

        async def cut() -> None:
            cuts.append(await archive.cut(namespace))

        writes = load_queries("writes")
        async with (
            anyio.create_task_group() as tasks,
            pool.unscoped() as connection,
            connection.transaction(),
        ):
            await connection.fetchrow(writes["enter_single"], namespace)
            position = await connection.fetchval("SELECT nextval('memory_log')")
            tasks.start_soon(cut)
            await _is_waited_for(pool)
            assert cuts == []
            await connection.execute(
                "INSERT INTO importance_samples VALUES ($1, $2, gen_random_uuid(), '5', 1, 1, 0)",
                namespace,
                position,
            )
        assert cuts[0].position == position
        assert [row.coordinate.text for row in await scanned(archive, namespace, cuts[0])] == [
            "1",
            "5",
        ]

    async def test_pages_are_bounded_by_what_they_hold(
        self,
        store: PostgresStore,
        archive: PostgresArchive,
        namespace: str,
    ) -> None:
        text = "x" * 500_000
        for i in range(30):
            await store.apply(namespace, [an_upsert(f"{i}", payload={"said": text})])
        cut = await archive.cut(namespace)
        for history in (False, True):
            pages = archive.scan(namespace, cut, history=history, model_revision=None)
            sizes = [len(page) async for page in pages]
            assert sum(sizes) == 30
            assert max(sizes) <= 9, sizes


async def _is_waited_for(pool: Pool) -> None:
    """Return once somebody waits for a lock."""
    with anyio.fail_after(10):
        while True:
            async with pool.unscoped() as connection:
                if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    return
            await anyio.sleep(0.01)
