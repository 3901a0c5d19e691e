"""Erasing in memory and in PostgreSQL keeps the same promises."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_erase import EraserContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryEraser(InMemory, EraserContract):
    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)


@pytest.mark.integration
class TestPostgresEraser(InPostgres, EraserContract):
    pool_size = 2

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)
