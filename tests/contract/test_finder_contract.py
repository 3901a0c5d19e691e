"""The in-memory finder and PostgreSQL keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_finder import InMemoryFinder
from sfm_core.adapters.postgres.finder import PostgresFinder
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.contracts_finder import FinderContract, namespace

__all__ = ["namespace"]


class TestInMemoryFinder(FinderContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def finder(self, store: InMemoryStore) -> InMemoryFinder:
        return InMemoryFinder(store)


@pytest.mark.integration
class TestPostgresFinder(FinderContract):
    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=4) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def finder(self, pool: Pool) -> PostgresFinder:
        return PostgresFinder(pool)
