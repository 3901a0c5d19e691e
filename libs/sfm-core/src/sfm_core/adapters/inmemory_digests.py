"""Digests, and mended vectors, over what an `InMemoryStore` keeps."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_rows import Row
from sfm_core.coordinates import Coordinate
from sfm_core.digesting import digest_of, link_share, memory_share, tombstone_share, vector_share
from sfm_core.model import F32, Digest, StoredVector


class InMemoryDigests:
    """Implements `Digests` and `VectorMender` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def memories(self, namespace: str) -> Digest:
        await anyio.lowlevel.checkpoint()
        live = self._store.peek(namespace).live()
        return digest_of(memory_share(row.memory, row.payload) for row in live)

    async def tombstones(self, namespace: str) -> Digest:
        await anyio.lowlevel.checkpoint()
        return digest_of(
            tombstone_share(row.memory.coordinate, row.memory.version, row.type)
            for row in self._store.rows(namespace)
            if not row.live
        )

    async def links(self, namespace: str) -> Digest:
        await anyio.lowlevel.checkpoint()
        entries = self._store.peek(namespace).links.values()
        return digest_of(link_share(entry.link) for entry in entries if entry.live)

    async def vectors(self, namespace: str, *, model_revision: str) -> Digest:
        await anyio.lowlevel.checkpoint()
        return digest_of(
            vector_share(row.memory.id.bytes, row.memory.version, row.vector)
            for row in self._store.peek(namespace).live()
            if row.revision == model_revision and row.vector is not None
        )

    async def embedded(
        self, namespace: str, *, model_revision: str, after: Coordinate | None, limit: int
    ) -> Sequence[StoredVector]:
        await anyio.lowlevel.checkpoint()
        return [_stored(row, model_revision) for row in self._behind(namespace, after)[:limit]]

    async def put_vectors(
        self,
        namespace: str,
        vectors: Sequence[tuple[UUID, int, F32]],
        *,
        model_revision: str,
        generation: int | None = None,
    ) -> int:
        xid = await self._store.token()
        given = {(memory, version): vector for memory, version, vector in vectors}
        space, stored = self._store.begin(namespace, generation), 0
        for coordinate, row in list(space.rows.items()):
            vector = given.get((row.memory.id, row.memory.version))
            if row.live and vector is not None:
                space.rows[coordinate] = replace(
                    row, vector=vector, revision=model_revision, xid=xid
                )
                stored += 1
        self._store.commit(namespace, space)
        return stored

    def _behind(self, namespace: str, after: Coordinate | None) -> list[Row]:
        """Live rows in the order of their coordinates' texts."""
        live = self._store.peek(namespace).live()
        behind = (row for row in live if after is None or row.memory.coordinate > after)
        return sorted(behind, key=lambda row: row.memory.coordinate)


def _stored(row: Row, model_revision: str) -> StoredVector:
    memory = row.memory
    vector = row.vector if row.revision == model_revision else None
    return StoredVector(
        coordinate=memory.coordinate,
        id=memory.id,
        version=memory.version,
        text=memory.text,
        source=memory.draft.source,
        occurred_at=memory.draft.occurred_at,
        vector=None if vector is None else vector.tobytes(),
    )
