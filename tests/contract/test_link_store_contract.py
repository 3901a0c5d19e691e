"""The links in memory and those in PostgreSQL keep the same promises."""

from collections.abc import Sequence

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.postgres.events import events_of
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.model import Event
from sfm_core.testing.contracts_links import Events, LinkStoreContract, namespace
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]

_LOG = """
SELECT namespace, seq, event_id, memory_id, coord, type, version, at, body
FROM memory_events WHERE namespace = $1 ORDER BY seq
"""


class TestInMemoryLinks(InMemory, LinkStoreContract):
    @pytest.fixture
    def events(self, store: InMemoryStore) -> Events:
        async def read(namespace: str) -> Sequence[Event]:
            return list(store.log(namespace))

        return read


@pytest.mark.integration
class TestPostgresLinks(InPostgres, LinkStoreContract):
    pool_size = 8

    @pytest.fixture
    def events(self, pool: Pool) -> Events:
        async def read(namespace: str) -> Sequence[Event]:
            async with pool.scoped(namespace) as connection:
                rows = await connection.fetch(_LOG, namespace)
            return await events_of(rows)

        return read
