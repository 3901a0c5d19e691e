"""The fence switched off, and deletes that leave nothing, in Qdrant: the contract catches both."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from qdrant_client import AsyncQdrantClient

from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import Address, QdrantLink
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.model import VectorPoint
from sfm_core.testing.contracts_vectors import DIM, VectorsContract

pytestmark = pytest.mark.integration

FENCED = (
    VectorsContract.test_an_older_position_changes_nothing,
    VectorsContract.test_of_a_batch_each_point_is_fenced_by_its_own_position,
    VectorsContract.test_a_deleted_memory_stays_deleted,
    VectorsContract.test_a_tombstone_that_comes_first_keeps_its_memory_out,
)
BURIED = (
    VectorsContract.test_a_deleted_memory_stays_deleted,
    VectorsContract.test_a_tombstone_that_comes_first_keeps_its_memory_out,
)


@pytest.fixture
async def vectors(qdrant_url: str) -> AsyncIterator[QdrantVectors]:
    async with QdrantLink.open(Address(url=qdrant_url), budget_s=20.0) as link:
        store = QdrantVectors(link, Collections(link, shared=f"c{uuid4().hex}", own=False))
        await store.prepare(dim=DIM)
        yield store


@pytest.mark.parametrize("named", FENCED, ids=lambda one: one.__name__)
async def test_writes_without_the_fence_are_caught(
    named: Any, vectors: QdrantVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await named(VectorsContract(), vectors, "sound")
    upsert = AsyncQdrantClient.upsert

    async def unconditional(self: AsyncQdrantClient, *given: Any, **said: Any) -> Any:
        return await upsert(self, *given, **{**said, "update_filter": None})

    monkeypatch.setattr(AsyncQdrantClient, "upsert", unconditional)
    with pytest.raises(AssertionError):
        await named(VectorsContract(), vectors, "planted")


@pytest.mark.parametrize("named", BURIED, ids=lambda one: one.__name__)
async def test_a_physical_delete_in_place_of_a_tombstone_is_caught(
    named: Any, vectors: QdrantVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await named(VectorsContract(), vectors, "sound")
    put = QdrantVectors.put

    async def physical(self: QdrantVectors, ns: str, points: Sequence[VectorPoint]) -> None:
        await put(self, ns, [point for point in points if not point.deleted])
        await self.remove(ns, [point.id for point in points if point.deleted])

    monkeypatch.setattr(QdrantVectors, "put", physical)
    with pytest.raises(AssertionError):
        await named(VectorsContract(), vectors, "planted")
