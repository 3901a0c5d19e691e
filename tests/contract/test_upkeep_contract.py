"""What upkeep asks, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.testing.contracts_upkeep import UpkeepContract, namespace

__all__ = ["namespace"]


class TestInMemoryUpkeep(UpkeepContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def upkeep(self, store: InMemoryStore) -> InMemoryUpkeep:
        return InMemoryUpkeep(store)


@pytest.mark.integration
class TestPostgresUpkeep(UpkeepContract):
    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=6) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def upkeep(self, pool: Pool) -> PostgresUpkeep:
        return PostgresUpkeep(pool)
