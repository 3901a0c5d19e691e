"""A vector store that a test can take away."""

from collections.abc import Collection, Sequence
from typing import final
from uuid import UUID

from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.errors import Unavailable
from sfm_core.model import Digest, VectorHit, VectorPoint, VectorQuery


@final
class FlakyVectors:
    """A `VectorStore` in memory, out of reach while `is_down`."""

    def __init__(self) -> None:
        self.inner = InMemoryVectors()
        self.is_down = False
        self.puts = 0

    @property
    def is_broken(self) -> bool:
        return self.is_down

    async def prepare(self, *, dim: int) -> None:
        await self._there().prepare(dim=dim)

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        self.puts += 1
        await self._there().put(namespace, points)

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        return await self._there().search(namespace, query)

    async def digest(self, namespace: str) -> Digest:
        return await self._there().digest(namespace)

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        return await self._there().positions(namespace, after=after, limit=limit)

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        await self._there().remove(namespace, ids)

    async def forget(self, namespace: str, *, position: int) -> int:
        return await self._there().forget(namespace, position=position)

    async def floor(self, namespace: str) -> int:
        return await self._there().floor(namespace)

    async def lower(self, namespace: str, *, position: int) -> None:
        await self._there().lower(namespace, position=position)

    async def held(self, namespace: str) -> int:
        return await self._there().held(namespace)

    async def ping(self) -> None:
        await self._there().ping()

    def _there(self) -> InMemoryVectors:
        if self.is_down:
            raise Unavailable("Qdrant does not answer")
        return self.inner
