"""The log in memory and that in PostgreSQL keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.contracts_events import EventLogContract, namespace

__all__ = ["namespace"]


class TestInMemoryEvents(EventLogContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def log(self, store: InMemoryStore) -> InMemoryEvents:
        return InMemoryEvents(store)


@pytest.mark.integration
class TestPostgresEvents(EventLogContract):
    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=2) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def log(self, pool: Pool) -> PostgresEvents:
        return PostgresEvents(pool)
