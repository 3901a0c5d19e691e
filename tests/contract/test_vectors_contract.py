"""The vector index in memory and Qdrant keep the same promises.

Qdrant is asked over HTTP in a process of its own, and once more in its client's local mode.
"""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from qdrant_client import AsyncQdrantClient

from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.adapters.qdrant.collections import Collections
from sfm_core.adapters.qdrant.link import Address, QdrantLink
from sfm_core.adapters.qdrant.store import QdrantVectors
from sfm_core.testing.contracts_vectors import DIM, VectorsContract


class TestInMemoryVectors(VectorsContract):
    @pytest.fixture
    async def vectors(self) -> InMemoryVectors:
        vectors = InMemoryVectors()
        await vectors.prepare(dim=DIM)
        return vectors


COLLECTION = f"c{uuid4().hex}"
"""Of all tests of this run: making one is dear, and each test has namespaces of its own."""


@pytest.mark.integration
class TestQdrant(VectorsContract):
    @pytest.fixture
    async def vectors(self, qdrant_url: str) -> AsyncIterator[QdrantVectors]:
        async with QdrantLink.open(Address(url=qdrant_url), budget_s=20.0) as link:
            vectors = QdrantVectors(link, Collections(link, shared=COLLECTION, own=False))
            await vectors.prepare(dim=DIM)
            yield vectors


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:Local mode", "ignore:Payload indexes have no effect")
class TestQdrantLocalMode(VectorsContract):
    @pytest.fixture
    async def vectors(self) -> AsyncIterator[QdrantVectors]:
        client = AsyncQdrantClient(":memory:")
        link = QdrantLink(client, budget_s=20.0)
        vectors = QdrantVectors(link, Collections(link, shared="c", extra="more", own=False))
        await vectors.prepare(dim=DIM)
        yield vectors
        await client.close()
