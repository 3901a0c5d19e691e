"""The links in memory and those in PostgreSQL keep the same promises."""

from collections.abc import AsyncIterator, Sequence

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.postgres.events import events_of
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.model import Event
from sfm_core.testing.contracts_links import Events, LinkStoreContract, namespace

__all__ = ["namespace"]

_LOG = """
SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
FROM memory_events WHERE namespace = $1 ORDER BY seq
"""


class TestInMemoryLinks(LinkStoreContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def links(self, store: InMemoryStore) -> InMemoryLinks:
        return InMemoryLinks(store)

    @pytest.fixture
    def events(self, store: InMemoryStore) -> Events:
        async def read(namespace: str) -> Sequence[Event]:
            return list(store.log(namespace))

        return read


@pytest.mark.integration
class TestPostgresLinks(LinkStoreContract):
    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=8) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def links(self, pool: Pool) -> PostgresLinks:
        return PostgresLinks(pool)

    @pytest.fixture
    def events(self, pool: Pool) -> Events:
        async def read(namespace: str) -> Sequence[Event]:
            async with pool.scoped(namespace) as connection:
                rows = await connection.fetch(_LOG, namespace)
            return await events_of(rows)

        return read
