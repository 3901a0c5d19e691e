"""A vector index that can be spoilt, and what is owed to it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.errors import Unavailable
from sfm_core.model import Digest, Owed, VectorHit, VectorPoint, VectorQuery
from sfm_core.testing.fakes import EPOCH


class Index:
    """The twin of the vector store, whose contents a test may spoil, and which may be down."""

    def __init__(self) -> None:
        self.twin = InMemoryVectors()
        self.down: set[str] = set()
        """Namespaces, or `*`, for which it does not answer."""
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
        await self._ask("put", namespace).put(namespace, points)

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

    async def held(self, namespace: str) -> int:
        return await self._ask("held", namespace).held(namespace)

    async def ping(self) -> None:
        await self._ask("ping", "").ping()


class Wal:
    """A `VectorWal`."""

    def __init__(self) -> None:
        self.owed: dict[tuple[str, UUID], tuple[Owed, datetime]] = {}

    async def owe(self, namespace: str, ids: Collection[tuple[UUID, int]], *, reason: str) -> None:
        for id_, version in ids:
            entry = Owed(
                namespace=namespace,
                memory_id=id_,
                version=version,
                reason=reason,
                attempts=0,
                since=EPOCH,
            )
            self.owed[namespace, id_] = entry, EPOCH

    async def due(
        self, *, now: datetime, limit: int, namespace: str | None = None
    ) -> Sequence[Owed]:
        found = [
            entry
            for entry, due_at in self.owed.values()
            if due_at <= now and namespace in (None, entry.namespace)
        ]
        return found[:limit]

    async def paid(self, namespace: str, ids: Collection[tuple[UUID, int]]) -> int:
        gone = [
            (namespace, id_)
            for id_, version in ids
            if (namespace, id_) in self.owed and self.owed[namespace, id_][0].version <= version
        ]
        for key in gone:
            del self.owed[key]
        return len(gone)

    async def failed(
        self, namespace: str, ids: Collection[UUID], *, reason: str, due_at: datetime
    ) -> None:
        for id_ in ids:
            if (namespace, id_) in self.owed:
                entry, _ = self.owed[namespace, id_]
                entry = replace(entry, reason=reason, attempts=entry.attempts + 1)
                self.owed[namespace, id_] = entry, due_at

    async def size(self, namespace: str | None = None) -> tuple[int, datetime | None]:
        found = [e for (name, _), (e, _) in self.owed.items() if namespace in (None, name)]
        return len(found), min((entry.since for entry in found), default=None)
