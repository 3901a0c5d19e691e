"""What is owed to the vector index, in memory and in PostgreSQL."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_wal import InMemoryWal
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.wal import PostgresWal
from sfm_core.testing.contracts_wal import WalContract
from tests.contract.stores import InMemory, InPostgres


class TestInMemoryWal(InMemory, WalContract):
    @pytest.fixture
    def wal(self, store: InMemoryStore) -> InMemoryWal:
        return InMemoryWal(store)

    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)


@pytest.mark.integration
class TestPostgresWal(InPostgres, WalContract):
    pool_size = 2

    @pytest.fixture
    def wal(self, pool: Pool) -> PostgresWal:
        return PostgresWal(pool)

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)
