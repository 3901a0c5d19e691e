"""The in-memory finder and PostgreSQL keep the same promises."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_finder import InMemoryFinder
from sfm_core.adapters.postgres.finder import PostgresFinder
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_finder import FinderContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryFinder(InMemory, FinderContract):
    @pytest.fixture
    def finder(self, store: InMemoryStore) -> InMemoryFinder:
        return InMemoryFinder(store)


@pytest.mark.integration
class TestPostgresFinder(InPostgres, FinderContract):
    @pytest.fixture
    def finder(self, pool: Pool) -> PostgresFinder:
        return PostgresFinder(pool)
