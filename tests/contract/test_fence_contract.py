"""Every port that writes refuses what was begun before an erasure, in memory and in PostgreSQL."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_archive import InMemoryArchive
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.testing.contracts_fence import FenceContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryFence(InMemory, FenceContract):
    @pytest.fixture
    def archive(self, store: InMemoryStore) -> InMemoryArchive:
        return InMemoryArchive(store)

    @pytest.fixture
    def mender(self, store: InMemoryStore) -> InMemoryDigests:
        return InMemoryDigests(store)

    @pytest.fixture
    def accesses(self, store: InMemoryStore) -> InMemoryUpkeep:
        return InMemoryUpkeep(store)

    @pytest.fixture
    def eraser(self, store: InMemoryStore, accesses: InMemoryUpkeep) -> InMemoryEraser:
        return InMemoryEraser(store, accesses.forget)


@pytest.mark.integration
class TestPostgresFence(InPostgres, FenceContract):
    @pytest.fixture
    def archive(self, pool: Pool) -> PostgresArchive:
        return PostgresArchive(pool)

    @pytest.fixture
    def mender(self, pool: Pool) -> PostgresDigests:
        return PostgresDigests(pool)

    @pytest.fixture
    def accesses(self, pool: Pool) -> PostgresUpkeep:
        return PostgresUpkeep(pool)

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)
