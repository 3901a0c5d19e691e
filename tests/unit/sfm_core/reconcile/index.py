"""A vector index that can be spoilt."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.errors import Declined, Unavailable
from sfm_core.model import Digest, VectorHit, VectorPoint, VectorQuery


class Index:
    """The twin of the vector store, whose contents a test may spoil, and which may be down."""

    def __init__(self) -> None:
        self.twin = InMemoryVectors()
        self.down: set[str] = set()
        """Namespaces, or `*`, for which it does not answer."""
        self.refused: set[UUID] = set()
        self.calls: list[str] = []

    def of(self, namespace: str) -> dict[UUID, VectorPoint]:
        return self.twin._points.setdefault(namespace, {})

    def lose(self) -> None:
        """Everything, as a server that came back with an empty disk."""
        self.twin = InMemoryVectors()

    def _ask(self, call: str, namespace: str) -> InMemoryVectors:
        self.calls.append(call)
        if self.down & {namespace, "*"}:
            raise Unavailable("the index does not answer")
        return self.twin

    async def prepare(self, *, dim: int) -> None:
        await self.twin.prepare(dim=dim)

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        assert all(point.deleted or point.vector is not None for point in points)
        twin = self._ask("put", namespace)
        if any(point.id in self.refused for point in points):
            raise Declined("it refuses one of these")
        await twin.put(namespace, points)

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        return await self.twin.search(namespace, query)

    async def digest(self, namespace: str) -> Digest:
        return await self._ask("digest", namespace).digest(namespace)

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        twin = self._ask("positions", namespace)
        return await twin.positions(namespace, after=after, limit=limit)

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        await self._ask("remove", namespace).remove(namespace, ids)

    async def forget(self, namespace: str, *, position: int) -> int:
        return await self._ask("forget", namespace).forget(namespace, position=position)

    async def floor(self, namespace: str) -> int:
        return await self._ask("floor", namespace).floor(namespace)

    async def lower(self, namespace: str, *, position: int) -> None:
        await self._ask("lower", namespace).lower(namespace, position=position)

    async def held(self, namespace: str) -> int:
        return await self._ask("held", namespace).held(namespace)

    async def ping(self) -> None:
        await self._ask("ping", "").ping()
