"""The vector-indexer follows the log where there is no Kafka."""

from dataclasses import replace

import anyio
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.model import ViewRow
from sfm_core.testing.writes import an_upsert, written
from tests.servers.workers import service

pytestmark = pytest.mark.integration

REVISION = HashEmbedder().info.model_revision


async def test_the_service_reads_the_log_of_postgres_itself(module_database: str) -> None:
    bare = replace(an_upsert("1"), vector=None, model_revision=None)
    async with open_pool(module_database, size=2) as pool:
        store = PostgresStore(pool)
        memory = written(await store.apply("acme", [bare])).id

        async def row() -> ViewRow:
            [found] = await store.view_rows("acme", [memory], model_revision=REVISION)
            return found

        with service("sfm_vector_indexer", POSTGRES_URL=module_database) as indexer:
            assert indexer.url
            with anyio.fail_after(60):
                while True:
                    if (await row()).vector is not None:
                        break
                    await anyio.sleep(0.05)
            assert indexer.is_ready()
            assert indexer.stop() == 0
