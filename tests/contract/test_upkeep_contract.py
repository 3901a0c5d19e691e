"""What upkeep asks, in memory and in PostgreSQL."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.testing.contracts_upkeep import UpkeepContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryUpkeep(InMemory, UpkeepContract):
    @pytest.fixture
    def upkeep(self, store: InMemoryStore) -> InMemoryUpkeep:
        return InMemoryUpkeep(store)


@pytest.mark.integration
class TestPostgresUpkeep(InPostgres, UpkeepContract):
    pool_size = 6

    @pytest.fixture
    def upkeep(self, pool: Pool) -> PostgresUpkeep:
        return PostgresUpkeep(pool)
