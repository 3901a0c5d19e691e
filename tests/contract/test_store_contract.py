"""The in-memory store and PostgreSQL keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.testing.contracts_feed import ChangeFeedContract
from sfm_core.testing.contracts_snapshots import LogIdentityContract
from sfm_core.testing.contracts_store import RecordStoreContract, namespace
from sfm_core.testing.contracts_words import WordSearchContract

__all__ = ["namespace"]


class TestInMemoryStore(
    RecordStoreContract, ChangeFeedContract, LogIdentityContract, WordSearchContract
):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()


@pytest.mark.integration
class TestPostgresStore(
    RecordStoreContract, ChangeFeedContract, LogIdentityContract, WordSearchContract
):
    @pytest.fixture
    async def store(self, module_database: str) -> AsyncIterator[PostgresStore]:
        async with open_pool(module_database, size=8) as pool:
            yield PostgresStore(pool)
