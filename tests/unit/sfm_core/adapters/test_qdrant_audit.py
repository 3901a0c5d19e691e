"""Points that another tool put into a namespace's collection."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from qdrant_client import AsyncQdrantClient, models

from sfm_core.adapters.qdrant.audit import UNREADABLE
from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import QdrantLink
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.testing.contracts_vectors import DIM

ID = UUID("00000000-0000-4000-8000-000000000001")
pytestmark = pytest.mark.filterwarnings("ignore:Local mode", "ignore:Payload indexes")


@pytest.fixture
async def client() -> AsyncIterator[AsyncQdrantClient]:
    client = AsyncQdrantClient(":memory:")
    yield client
    await client.close()


@pytest.mark.parametrize(
    "said", [{}, {"position": "7", "deleted": False}, {"position": 7}, {"position": None}]
)
async def test_a_point_that_nobody_can_read_is_told_and_one_with_a_number_passed_over(
    client: AsyncQdrantClient, said: dict[str, object]
) -> None:
    link = QdrantLink(client, budget_s=20.0)
    vectors = QdrantVectors(link, Collections(link, shared="c", own=False))
    await vectors.prepare(dim=DIM)
    points = [
        models.PointStruct(id=name, vector=[1.0] * DIM, payload={"namespace": "acme", **said})
        for name in [*range(5), str(ID)]
    ]
    await client.upsert("c", points)
    assert await vectors.positions("acme", after=None, limit=3) == [(ID, UNREADABLE, False)]
    assert (await vectors.digest("acme")).count == 1
    await vectors.remove("acme", [ID])
    assert await vectors.positions("acme", after=None, limit=3) == []
