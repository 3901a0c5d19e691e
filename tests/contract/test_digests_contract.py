"""Digests in memory and in PostgreSQL are the same."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.contracts_digests import DigestsContract, namespace

__all__ = ["namespace"]


class TestInMemoryDigests(DigestsContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def links(self, store: InMemoryStore) -> InMemoryLinks:
        return InMemoryLinks(store)

    @pytest.fixture
    def digests(self, store: InMemoryStore) -> InMemoryDigests:
        return InMemoryDigests(store)


@pytest.mark.integration
class TestPostgresDigests(DigestsContract):
    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=2) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def links(self, pool: Pool) -> PostgresLinks:
        return PostgresLinks(pool)

    @pytest.fixture
    def digests(self, pool: Pool) -> PostgresDigests:
        return PostgresDigests(pool)
