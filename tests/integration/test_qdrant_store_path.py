"""Storing with Qdrant beside: killed, frozen, emptied, and there again."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, nullcontext
from uuid import uuid4

import anyio
import pytest
from qdrant_client import AsyncQdrantClient

from sfm_core.adapters.breaker import FAILURES
from sfm_core.adapters.qdrant.link import Address
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.digesting import digest_of, point_share
from sfm_core.errors import VectorIndexUnavailable
from sfm_core.factory import open_runtime
from sfm_core.model import Digest
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem
from sfm_core.testing.contracts_vectors import DIM, a_point
from tests.servers.qdrant import TestQdrant, qdrant_or_skip

pytestmark = pytest.mark.integration

TEA = {"said": "green tea"}


@pytest.fixture(scope="module")
def module_qdrant() -> Iterator[TestQdrant]:
    with qdrant_or_skip() as server:
        yield server


@pytest.fixture
def server(module_qdrant: TestQdrant) -> TestQdrant:
    """A server for these tests alone, running, whatever the one before did to it."""
    if not module_qdrant.answers():
        module_qdrant.kill()
        module_qdrant.start()
    return module_qdrant


def settings_of(
    url: str, postgres_url: str = "memory://", *, extra: str | None = None
) -> CoreSettings:
    return CoreSettings(
        postgres_url=Secret(postgres_url),
        embedder="hash",
        qdrant_url=url,
        qdrant_collection=f"c{uuid4().hex[:8]}",
        qdrant_extra_collection=extra,
        qdrant_namespace_collections=extra is not None,
    )


@asynccontextmanager
async def indexed(settings: CoreSettings) -> AsyncGenerator[QdrantVectors]:
    """The index as another process sees it."""
    assert settings.qdrant_url is not None
    async with QdrantVectors.open(
        Address(url=settings.qdrant_url),
        collection=settings.qdrant_collection,
        extra=settings.qdrant_extra_collection,
        own=settings.qdrant_namespace_collections,
    ) as vectors:
        await vectors.prepare(dim=384)
        yield vectors


async def digest_in_store(memory: MemorySystem) -> Digest:
    found = [one async for one in memory.all()]
    return digest_of(point_share(one.id.bytes, one.position) for one in found)


async def test_what_is_stored_is_in_all_collections_and_erased_from_all(
    qdrant_url: str, fresh_database: str
) -> None:
    settings = settings_of(qdrant_url, fresh_database, extra=f"x{uuid4().hex[:8]}")
    async with MemorySystem("acme", open_runtime(settings)) as memory, indexed(settings) as vectors:
        await memory.store_many([{"payload": {"n": n}, "coordinate": [n]} for n in range(20)])
        await memory.delete((3,))
        assert await vectors.digest("acme") == await digest_in_store(memory)
        marks = await vectors.positions("acme", after=None, limit=99)
        assert all(position > 0 for _, position, _ in marks), "the collections differ"
        assert len(marks) == 20
        receipt = await memory.erase()
        [store] = [one for one in receipt.stores if one.store == "vector_store"]
        assert (store.removed, store.left) == (20, 0)
        again = await memory.store((3,), TEA)
        assert [mark[1] for mark in await vectors.positions("acme", after=None, limit=9)] == [
            again.position
        ]


async def test_a_killed_qdrant_costs_no_memory_and_what_is_owed_is_known(
    server: TestQdrant, fresh_database: str
) -> None:
    settings = settings_of(server.url, fresh_database)
    async with MemorySystem("acme", open_runtime(settings)) as memory:
        await memory.store((1,), TEA)
        server.kill()
        for n in range(2, 6):
            with pytest.raises(VectorIndexUnavailable):
                await memory.store((n,), TEA)
        stats = await memory.stats()
        assert (stats["total"], stats["wal"], stats["pending_index"]) == (5, 4, 4)
        server.start()
        with anyio.fail_after(20):
            while True:
                try:
                    await memory.store((6,), TEA)
                    break
                except VectorIndexUnavailable:
                    await anyio.sleep(0.1)
        async with indexed(settings) as vectors:
            held = {mark[0] for mark in await vectors.positions("acme", after=None, limit=9)}
        first, last = await memory.get((1,)), await memory.get((6,))
        assert {first.id, last.id} <= held


async def test_a_frozen_qdrant_is_passed_by_after_a_few_waits(server: TestQdrant) -> None:
    async with open_runtime(settings_of(server.url)) as runtime:
        assert runtime.vectors is not None
        server.freeze()
        try:
            async with MemorySystem("acme", nullcontext(runtime)) as memory:
                for n in range(FAILURES):
                    assert not runtime.vectors.is_broken
                    with pytest.raises(VectorIndexUnavailable):
                        await memory.store((n,), TEA)
                assert runtime.vectors.is_broken
                stats = await memory.stats()
                assert stats["wal"] == FAILURES
        finally:
            server.thaw()


async def test_an_emptied_qdrant_gets_its_collections_back_with_the_next_write(
    server: TestQdrant,
) -> None:
    settings = settings_of(server.url)
    async with MemorySystem("acme", open_runtime(settings)) as memory:
        await memory.store((1,), TEA)
        server.restart_empty()
        second = await memory.store((2,), TEA)
        async with indexed(settings) as vectors:
            marks = await vectors.positions("acme", after=None, limit=9)
        assert [mark[1] for mark in marks] == [second.position]


async def test_a_process_starts_without_qdrant_and_finds_it_later(server: TestQdrant) -> None:
    server.stop()
    settings = settings_of(server.url)
    async with MemorySystem("acme", open_runtime(settings)) as memory:
        with pytest.raises(VectorIndexUnavailable):
            await memory.store((1,), TEA, idempotency_key="k")
        server.start()
        stored = await memory.store((1,), TEA, idempotency_key="k")
        assert stored.replayed
        assert stored.indexed


async def test_what_one_collection_lacks_is_seen_and_mended_by_the_next_write(
    qdrant_url: str,
) -> None:
    settings = settings_of(qdrant_url, extra=f"x{uuid4().hex[:8]}")
    rows = [a_point("acme", number) for number in (1, 2, 3)]
    async with QdrantVectors.open(
        Address(url=qdrant_url),
        collection=settings.qdrant_collection,
        extra=settings.qdrant_extra_collection,
        own=False,
    ) as vectors:
        await vectors.prepare(dim=DIM)
        await vectors.put("acme", rows)
        whole = await vectors.digest("acme")
        client = AsyncQdrantClient(url=qdrant_url, check_compatibility=False)
        assert settings.qdrant_extra_collection is not None
        await client.delete(settings.qdrant_extra_collection, [str(rows[1].id)], wait=True)
        await client.close()
        assert await vectors.digest("acme") != whole
        marks = await vectors.positions("acme", after=None, limit=9)
        assert [position for _, position, _ in marks] == [1, 0, 3]
        pages = [
            mark
            for after in (None, rows[0].id, rows[1].id)
            for mark in await vectors.positions("acme", after=after, limit=1)
        ]
        assert pages == marks
        await vectors.put("acme", rows)
        assert await vectors.digest("acme") == whole
