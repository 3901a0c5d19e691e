"""LogGroups over both stores."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_groups import InMemoryLogGroups
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.groups import PostgresLogGroups
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_groups import LogGroupsContract
from tests.contract.stores import InEmptyPostgres, InMemory


class TestInMemoryLogGroups(InMemory, LogGroupsContract):
    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)

    @pytest.fixture
    def groups(self, store: InMemoryStore) -> InMemoryLogGroups:
        return InMemoryLogGroups(store)


@pytest.mark.integration
class TestPostgresLogGroups(InEmptyPostgres, LogGroupsContract):
    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)

    @pytest.fixture
    def groups(self, pool: Pool) -> PostgresLogGroups:
        return PostgresLogGroups(pool)
