"""Bringing memories to where the record store has them: embedded, and in the vector index."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, final
from uuid import UUID

from sfm_core.errors import Conflict, Declined, Unavailable
from sfm_core.indexing import point_of
from sfm_core.model import F32, RepairKind, ViewRow
from sfm_core.ports import Embedder, RecordStore, VectorMender, VectorStore
from sfm_core.text import indexed_text

_CHUNK: Final = 64
_TRIES: Final = 3
_MANY: Final = 8
"""So many that the index refuses in one go: then it is not for their sake."""
_LOG: Final = logging.getLogger(__name__)


@final
class Indexing:
    """By state: what is written is what the record store has at that moment, never what a
    message said. Doing it again, or at the same time elsewhere, changes nothing: the index keeps
    the higher position.
    """

    def __init__(
        self,
        *,
        records: RecordStore,
        mender: VectorMender,
        embedder: Embedder,
        vectors: VectorStore | None,
    ) -> None:
        """`vectors`: None where there is no index; memories are then only embedded."""
        self._records = records
        self._mender = mender
        self._embedder = embedder
        self._vectors = vectors

    async def bring(self, namespace: str, ids: Collection[UUID]) -> dict[UUID, RepairKind]:
        """What was done to each: `PUT`, `EMBEDDED` or `BURIED`.

        A memory that the record store does not know has no entry, nor has one to which nothing
        had to be done, nor one that the index refuses: that is logged.

        Raises:
            Conflict: the namespace was erased again and again meanwhile.
            Unavailable: a store or the embedder does not answer, or the index refuses many; some
                may have been done.
        """
        return (await self.tried(namespace, ids))[0]

    async def tried(
        self, namespace: str, ids: Collection[UUID]
    ) -> tuple[dict[UUID, RepairKind], frozenset[UUID]]:
        """As `bring`, and which of them the index refuses."""
        done, refused = dict[UUID, RepairKind](), set[UUID]()
        ordered = list(ids)
        waiting = [ordered[at : at + _CHUNK] for at in range(0, len(ordered), _CHUNK)][::-1]
        while waiting:
            some = waiting.pop()
            try:
                done |= await self._brought(namespace, some)
            except Declined as error:
                half = len(some) // 2
                if half:
                    waiting += [some[half:], some[:half]]
                    continue
                refused.update(some)
                extra = {"namespace": namespace, "memory": str(some[0]), "detail": error.detail}
                _LOG.warning("vector_store.refused", extra=extra)
                if len(refused) == _MANY:
                    raise
        return done, frozenset(refused)

    async def _brought(self, namespace: str, ids: Sequence[UUID]) -> dict[UUID, RepairKind]:
        revision = self._embedder.info.model_revision
        for _ in range(_TRIES):
            generation = await self._records.generation(namespace)
            rows = await self._records.view_rows(namespace, ids, model_revision=revision)
            barred, done = None, dict[UUID, RepairKind]()
            try:
                done = await self._written(namespace, rows, generation)
            except Conflict as error:
                barred = error
            if await self._records.generation(namespace) == generation:
                if barred is not None:  # the audit sees to it
                    raise Unavailable("the index takes these for erased") from barred
                return done
            await self._unknown_removed(namespace, ids)
        raise Conflict("the namespace was erased again and again meanwhile")

    async def _unknown_removed(self, namespace: str, ids: Sequence[UUID]) -> None:
        """An erasure may have swept the index before these came. Those that live again stay."""
        if self._vectors is None:
            return
        revision = self._embedder.info.model_revision
        rows = await self._records.view_rows(namespace, ids, model_revision=revision)
        known = {row.id for row in rows}
        if unknown := [id_ for id_ in ids if id_ not in known]:
            await self._vectors.remove(namespace, unknown)

    async def _written(
        self, namespace: str, rows: Sequence[ViewRow], generation: int
    ) -> dict[UUID, RepairKind]:
        revision = self._embedder.info.model_revision
        fresh = await self._embedded(rows)
        try:
            if self._vectors is not None and rows:
                known = (replace(row, vector=fresh.get(row.id, row.vector)) for row in rows)
                points = [
                    point_of(row, generation=generation, model_revision=revision) for row in known
                ]
                await self._vectors.put(namespace, [point for point in points if point is not None])
        finally:
            # After the index: whoever finds the vector here may take the memory for indexed. And
            # without it too: views need the vector, and nothing is embedded a second time.
            if fresh:
                given = [(row.id, row.version, fresh[row.id]) for row in rows if row.id in fresh]
                await self._mender.put_vectors(
                    namespace, given, model_revision=revision, generation=generation
                )
        done: dict[UUID, RepairKind] = {}
        for row in rows:
            if row.id in fresh:
                done[row.id] = RepairKind.EMBEDDED
            elif self._vectors is not None:
                done[row.id] = RepairKind.BURIED if row.deleted else RepairKind.PUT
        return done

    async def _embedded(self, rows: Sequence[ViewRow]) -> Mapping[UUID, F32]:
        """Vectors of the live ones that have none."""
        bare = [row for row in rows if not row.deleted and row.vector is None]
        if not bare:
            return {}
        vectors = await self._embedder.embed(
            [indexed_text(row.text, source=row.source, occurred_at=row.occurred_at) for row in bare]
        )
        return {row.id: vector for row, vector in zip(bare, vectors, strict=True)}
