"""LogGroups over both stores."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_groups import InMemoryLogGroups
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.groups import PostgresLogGroups
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.testing.contracts_groups import LogGroupsContract
from tests.contract.stores import InMemory, InPostgres


class TestInMemoryLogGroups(InMemory, LogGroupsContract):
    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)

    @pytest.fixture
    def groups(self, store: InMemoryStore) -> InMemoryLogGroups:
        return InMemoryLogGroups(store)


@pytest.mark.integration
class TestPostgresLogGroups(InPostgres, LogGroupsContract):
    @pytest.fixture
    async def pool(self, fresh_database: str) -> AsyncIterator[Pool]:
        """Of a database of its own: the log is of all namespaces."""
        async with open_pool(fresh_database, size=4) as pool:
            yield pool

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)

    @pytest.fixture
    def groups(self, pool: Pool) -> PostgresLogGroups:
        return PostgresLogGroups(pool)
