"""Erasing in memory and in PostgreSQL keeps the same promises."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.contracts_erase import EraserContract, namespace

__all__ = ["namespace"]


class TestInMemoryEraser(EraserContract):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()

    @pytest.fixture
    def links(self, store: InMemoryStore) -> InMemoryLinks:
        return InMemoryLinks(store)

    @pytest.fixture
    def log(self, store: InMemoryStore) -> InMemoryEvents:
        return InMemoryEvents(store)

    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)


@pytest.mark.integration
class TestPostgresEraser(EraserContract):
    @pytest.fixture
    async def pool(self, module_database: str) -> AsyncIterator[Pool]:
        async with open_pool(module_database, size=2) as pool:
            yield pool

    @pytest.fixture
    def store(self, pool: Pool) -> PostgresStore:
        return PostgresStore(pool)

    @pytest.fixture
    def links(self, pool: Pool) -> PostgresLinks:
        return PostgresLinks(pool)

    @pytest.fixture
    def log(self, pool: Pool) -> PostgresEvents:
        return PostgresEvents(pool)

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)
