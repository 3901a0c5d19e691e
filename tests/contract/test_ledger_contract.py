"""Ledgers in memory and in PostgreSQL are the same."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_ledger import InMemoryLedger
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.ledger import PostgresLedger
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_ledger import LedgerContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryLedger(InMemory, LedgerContract):
    @pytest.fixture
    def ledger(self, store: InMemoryStore) -> InMemoryLedger:
        return InMemoryLedger(store)

    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)

    @pytest.fixture
    def mender(self, store: InMemoryStore) -> InMemoryDigests:
        return InMemoryDigests(store)


@pytest.mark.integration
class TestPostgresLedger(InPostgres, LedgerContract):
    pool_size = 2

    @pytest.fixture
    def ledger(self, pool: Pool) -> PostgresLedger:
        return PostgresLedger(pool)

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)

    @pytest.fixture
    def mender(self, pool: Pool) -> PostgresDigests:
        return PostgresDigests(pool)
