"""The Outbox over both stores."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_outbox import InMemoryOutbox
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.outbox import PostgresOutbox
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_outbox import OutboxContract
from tests.contract.stores import InEmptyPostgres, InMemory


class TestInMemoryOutbox(InMemory, OutboxContract):
    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)

    @pytest.fixture
    def outbox(self, store: InMemoryStore) -> InMemoryOutbox:
        return InMemoryOutbox(store)


@pytest.mark.integration
class TestPostgresOutbox(InEmptyPostgres, OutboxContract):
    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)

    @pytest.fixture
    def outbox(self, pool: Pool) -> PostgresOutbox:
        return PostgresOutbox(pool)
