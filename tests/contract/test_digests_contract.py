"""Digests in memory and in PostgreSQL are the same."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_digests import DigestsContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryDigests(InMemory, DigestsContract):
    @pytest.fixture
    def digests(self, store: InMemoryStore) -> InMemoryDigests:
        return InMemoryDigests(store)


@pytest.mark.integration
class TestPostgresDigests(InPostgres, DigestsContract):
    pool_size = 2

    @pytest.fixture
    def digests(self, pool: Pool) -> PostgresDigests:
        return PostgresDigests(pool)
