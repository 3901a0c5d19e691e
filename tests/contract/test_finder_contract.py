"""The in-memory finder and PostgreSQL keep the same promises."""

import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_finder import InMemoryFinder
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.finder import PostgresFinder
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.model import Box, KeywordQuery, ListQuery, RangeQuery
from sfm_core.testing.contracts_finder import NOW, FinderContract, namespace
from sfm_core.testing.contracts_windows import WindowsContract
from sfm_core.testing.writes import an_upsert
from tests.contract.stores import InMemory, InPostgres

__all__ = ["namespace"]


class TestInMemoryFinder(InMemory, FinderContract, WindowsContract):
    @pytest.fixture
    def finder(self, store: InMemoryStore) -> InMemoryFinder:
        return InMemoryFinder(store)


@pytest.mark.integration
class TestPostgresFinder(InPostgres, FinderContract, WindowsContract):
    @pytest.fixture
    def finder(self, pool: Pool) -> PostgresFinder:
        return PostgresFinder(pool)

    async def test_a_page_is_not_fetched_before_it_is_cut(
        self, store: PostgresStore, log: PostgresEvents, finder: PostgresFinder, namespace: str
    ) -> None:
        """What Python holds at most, of 40 memories of 900 KB."""
        for i in range(40):
            large = an_upsert(f"{i}", text="tea", payload={"said": "tea " * 225_000})
            await store.apply(namespace, [large])
        box = RangeQuery(box=Box(low=(0.0,), high=(99.0,)), limit=100)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.list(namespace, ListQuery(limit=100), now=NOW),
            lambda: finder.inside(namespace, box, now=NOW),
            lambda: finder.with_term(namespace, KeywordQuery(term="tea", top_k=100), now=NOW),
            lambda: log.page(namespace, after=0, limit=100),
        ]
        for call in calls:
            tracemalloc.start()
            await call()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 20 * 1024 * 1024
