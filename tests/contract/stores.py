"""The two implementations a contract is held to, as fixtures to inherit beside it."""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore


class InMemory:
    """Everything over one twin."""

    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def links(self, store: InMemoryStore) -> InMemoryLinks:
        return InMemoryLinks(store)

    @pytest.fixture
    def log(self, store: InMemoryStore) -> InMemoryEvents:
        return InMemoryEvents(store)


class InPostgres:
    """Everything over one pool."""

    pool_size: ClassVar = 4

    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=self.pool_size) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def links(self, pool: Pool) -> PostgresLinks:
        return PostgresLinks(pool)

    @pytest.fixture
    def log(self, pool: Pool) -> PostgresEvents:
        return PostgresEvents(pool)


class InEmptyPostgres(InPostgres):
    """Everything over one pool, with nothing in the database: for what is of all namespaces."""

    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=self.pool_size) as pool:
            await emptied(pool)
            yield pool


async def emptied(pool: Pool) -> None:
    """Remove whatever earlier tests of the module left."""
    async with pool.unscoped() as connection:
        await connection.execute(
            "TRUNCATE namespaces, memories, memory_vectors, memory_events, links, log_groups,"
            " outbox_claims"
        )
