"""A vector index and what is owed to it, as small as the promises of their ports allow."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sfm_core.digesting import digest_of, point_share
from sfm_core.errors import Unavailable
from sfm_core.model import Digest, Owed, VectorHit, VectorPoint, VectorQuery
from sfm_core.testing.fakes import EPOCH


class Index:
    """A `VectorStore` whose contents a test may spoil."""

    def __init__(self) -> None:
        self.points: dict[str, dict[UUID, VectorPoint]] = {}
        self.down: set[str] = set()
        """Namespaces, or `*`, for which it does not answer."""
        self.calls: list[str] = []

    def of(self, namespace: str) -> dict[UUID, VectorPoint]:
        return self.points.setdefault(namespace, {})

    def _asked(self, call: str, namespace: str) -> dict[UUID, VectorPoint]:
        self.calls.append(call)
        if self.down & {namespace, "*"}:
            raise Unavailable("the index does not answer")
        return self.of(namespace)

    async def prepare(self, *, dim: int) -> None:
        del dim

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        held = self._asked("put", namespace)
        for point in points:
            assert point.deleted or point.vector is not None
            before = held.get(point.id)
            if before is None or before.position <= point.position:
                held[point.id] = point

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        raise NotImplementedError

    async def digest(self, namespace: str) -> Digest:
        held = self._asked("digest", namespace).values()
        return digest_of(point_share(p.id.bytes, p.position) for p in held if not p.deleted)

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        held = self._asked("positions", namespace)
        ids = sorted(id_ for id_ in held if after is None or id_ > after)
        return [(id_, held[id_].position, held[id_].deleted) for id_ in ids[:limit]]

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        held = self._asked("remove", namespace)
        for id_ in ids:
            held.pop(id_, None)

    async def forget(self, namespace: str, *, position: int) -> int:
        held = self._asked("forget", namespace)
        gone = [id_ for id_, point in held.items() if point.position <= position]
        await self.remove(namespace, gone)
        return len(gone)

    async def held(self, namespace: str) -> int:
        return len(self._asked("held", namespace))

    async def ping(self) -> None:
        self._asked("ping", "")


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
