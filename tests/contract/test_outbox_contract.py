"""The Outbox over both stores."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_outbox import InMemoryOutbox
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.testing.contracts_outbox import OutboxContract
from tests.contract.stores import InMemory, InPostgres


class TestInMemoryOutbox(InMemory, OutboxContract):
    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)

    @pytest.fixture
    def outbox(self, store: InMemoryStore) -> InMemoryOutbox:
        return InMemoryOutbox(store)


@pytest.mark.integration
class TestPostgresOutbox(InPostgres, OutboxContract):
    @pytest.fixture
    async def pool(self, fresh_database: str) -> AsyncIterator[Pool]:
        """Of a database of its own: an outbox is of all namespaces."""
        async with open_pool(fresh_database, size=4) as pool:
            yield pool

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)

    @pytest.fixture
    def outbox(self, pool: Pool) -> PostgresOutbox:
        return PostgresOutbox(pool)
