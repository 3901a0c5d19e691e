"""The inbox in memory and that in PostgreSQL keep the same promises."""

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_inbox import InMemoryInbox
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.inbox import PostgresInbox
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.testing.contracts_inbox import InboxContract, namespace
from sfm_core.testing.contracts_unembedded import UnembeddedContract
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryInbox(InMemory, InboxContract, UnembeddedContract):
    @pytest.fixture
    def inbox(self, store: InMemoryStore) -> InMemoryInbox:
        return InMemoryInbox(store)

    @pytest.fixture
    def digests(self, store: InMemoryStore) -> InMemoryDigests:
        return InMemoryDigests(store)

    @pytest.fixture
    def eraser(self, store: InMemoryStore) -> InMemoryEraser:
        return InMemoryEraser(store)


@pytest.mark.integration
class TestPostgresInbox(InPostgres, InboxContract, UnembeddedContract):
    @pytest.fixture
    def inbox(self, pool: Pool) -> PostgresInbox:
        return PostgresInbox(pool)

    @pytest.fixture
    def digests(self, pool: Pool) -> PostgresDigests:
        return PostgresDigests(pool)

    @pytest.fixture
    def eraser(self, pool: Pool) -> PostgresEraser:
        return PostgresEraser(pool)
