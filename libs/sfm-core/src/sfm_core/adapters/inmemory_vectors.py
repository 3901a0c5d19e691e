"""A vector index in one process: the twin of Qdrant, for tests and trials."""

from collections.abc import Collection, Sequence
from typing import Final, final
from uuid import UUID

import numpy as np

from sfm_core.digesting import digest_of, point_share
from sfm_core.errors import Conflict, Misconfigured
from sfm_core.indexing.points import admitted
from sfm_core.model import Digest, VectorHit, VectorPoint, VectorQuery
from sfm_core.times import microseconds

ERASED: Final = "some of these were erased"


@final
class InMemoryVectors:
    """Implements `VectorStore`, in one collection."""

    def __init__(self) -> None:
        self._points: dict[str, dict[UUID, VectorPoint]] = {}
        self._floors: dict[str, int] = {}
        self._dim: int | None = None

    async def prepare(self, *, dim: int) -> None:
        if self._dim not in (None, dim):
            raise Misconfigured(f"the collection holds vectors of {self._dim} numbers, not {dim}")
        self._dim = dim

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        held = self._points.setdefault(namespace, {})
        for point in points:
            standing = held.get(point.id)
            lowest = standing.position if standing else self._floors.get(namespace, 0) + 1
            if point.position >= lowest:
                held[point.id] = point
        if any(point.position <= self._floors.get(namespace, 0) for point in points):
            raise Conflict(ERASED)

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        hits = [
            VectorHit(point.id, point.position, float(np.dot(point.vector, query.vector)))
            for point in self._points.get(namespace, {}).values()
            if point.vector is not None and _is_asked_for(point, query)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[: query.limit]

    async def digest(self, namespace: str) -> Digest:
        return digest_of(
            point_share(point.id.bytes, point.position)
            for point in self._points.get(namespace, {}).values()
            if not point.deleted
        )

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        held = self._points.get(namespace, {})
        ids = sorted(memory for memory in held if after is None or memory > after)
        return [(memory, held[memory].position, held[memory].deleted) for memory in ids[:limit]]

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        for memory in ids:
            self._points.get(namespace, {}).pop(memory, None)

    async def forget(self, namespace: str, *, position: int) -> int:
        self._floors[namespace] = max(position, self._floors.get(namespace, 0))
        held = self._points.get(namespace, {})
        gone = [point.id for point in held.values() if point.position <= position]
        for memory in gone:
            del held[memory]
        return len(gone)

    async def floor(self, namespace: str) -> int:
        return self._floors.get(namespace, 0)

    async def lower(self, namespace: str, *, position: int) -> None:
        self._floors[namespace] = min(position, self._floors.get(namespace, 0))

    async def held(self, namespace: str) -> int:
        return len(self._points.get(namespace, {}))

    async def ping(self) -> None:
        """Answers."""


def _is_asked_for(point: VectorPoint, query: VectorQuery) -> bool:
    expires_at = point.facts.get("expires_at")
    is_over = (
        query.now is not None
        and isinstance(expires_at, int)
        and expires_at <= microseconds(query.now)
    )
    return (
        not is_over
        and point.model_revision == query.model_revision
        and query.kind in (None, point.kind)
        and (query.filter is None or admitted(query.filter, point.kind, point.facts))
    )
