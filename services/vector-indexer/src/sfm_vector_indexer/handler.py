"""What the vector-indexer does with events: it brings vectors up to the state of the store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, final
from uuid import UUID

from sfm_core.errors import Conflict, Unavailable
from sfm_core.model import EventType, ViewRow
from sfm_core.ports import (
    Embedder,
    NoTelemetry,
    RecordStore,
    Telemetry,
    VectorMender,
    VectorStore,
)
from sfm_core.text import indexed_text
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered
from sfm_vector_indexer.points import point_of

PORTION: Final = 64
"""Memories in hand at once, with their texts and vectors."""
_ERASURES: Final = 4
"""Erasures of a namespace that may come in between before the batch is left for later."""
_OF_LINKS: Final = frozenset({EventType.LINKED, EventType.UNLINKED})


class _Seen(NamedTuple):
    """The newest that is known of a memory."""

    generation: int
    position: int


@dataclass(slots=True)
class _Told:
    """What a batch says of one namespace."""

    memories: dict[UUID, _Seen] = field(default_factory=dict)
    erased: int = 0
    """Position of its last erasure; 0: none."""

    def note(self, event: MemoryEvent) -> None:
        seen = _Seen(event.generation or 0, event.position or 0)
        if event.type is EventType.ERASED:
            self.erased = max(self.erased, seen.position)
        elif event.type not in _OF_LINKS:
            self.memories[event.id] = max(seen, self.memories.get(event.id, seen))


@final
class VectorIndexer:
    """A `Handler` by state: events say which memories to look at, the record store how they are.

    So the order of events, and how often they come, does not matter. Only events of the log are
    heeded: what a foreign event made comes again as one. A memory without a vector of the model
    in use is embedded, and the vector stored beside it; then the vector store gets it, or its
    tombstone, fenced by its position in the log.
    """

    def __init__(
        self,
        *,
        records: RecordStore,
        mender: VectorMender,
        embedder: Embedder,
        vectors: VectorStore | None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`vectors`: None: vectors are only stored in the record store."""
        self._records = records
        self._mender = mender
        self._embedder = embedder
        self._vectors = vectors
        self._telemetry = telemetry or NoTelemetry()

    async def handle(self, events: Sequence[Delivered]) -> None:
        """As `Handler.handle`.

        Raises:
            Unavailable: the record store, the embedder or the vector store does not answer.
        """
        by_namespace: defaultdict[str, _Told] = defaultdict(_Told)
        for delivered in events:
            if delivered.event.is_canonical:
                by_namespace[delivered.event.namespace].note(delivered.event)
        for namespace, told in by_namespace.items():
            if told.erased and self._vectors is not None:
                await self._vectors.forget(namespace, position=told.erased)
            seen = list(told.memories.items())
            for start in range(0, len(seen), PORTION):
                await self._bring(namespace, dict(seen[start : start + PORTION]))

    async def _bring(self, namespace: str, seen: dict[UUID, _Seen]) -> None:
        for _ in range(_ERASURES):
            try:
                await self._bring_once(namespace, seen)
            except Conflict:
                continue
            return
        raise Unavailable("the namespace is being erased")

    async def _bring_once(self, namespace: str, seen: dict[UUID, _Seen]) -> None:
        """Raises `Conflict` when the namespace was erased meanwhile: then all is to be redone."""
        generation = await self._records.generation(namespace)
        revision = self._embedder.info.model_revision
        rows = await self._records.view_rows(namespace, seen.keys(), model_revision=revision)
        rows = await self._embedded(namespace, rows, generation)
        if self._vectors is None:
            return
        if rows:
            points = [point_of(row, generation=generation, model_revision=revision) for row in rows]
            for row in rows:
                seen[row.id] = max(seen[row.id], _Seen(generation, row.position))
            await self._vectors.put(namespace, points)
            self._telemetry.count("indexed_points_total", len(points))
        await self._forget_erased(self._vectors, namespace, seen, rows, generation)
        if await self._records.generation(namespace) != generation:
            raise Conflict("the namespace was erased meanwhile")

    async def _embedded(
        self, namespace: str, rows: Sequence[ViewRow], generation: int
    ) -> Sequence[ViewRow]:
        """The rows, those without a vector embedded; theirs are durable when this returns."""
        bare = [row for row in rows if not row.deleted and row.vector is None]
        if not bare:
            return rows
        vectors = await self._embedder.embed(
            [indexed_text(row.text, source=row.source, occurred_at=row.occurred_at) for row in bare]
        )
        made = {row.id: vector for row, vector in zip(bare, vectors, strict=True)}
        await self._mender.put_vectors(
            namespace,
            [(row.id, row.version, made[row.id]) for row in bare],
            model_revision=self._embedder.info.model_revision,
            generation=generation,
        )
        self._telemetry.count("indexed_texts_total", len(bare))
        return [replace(row, vector=made[row.id]) if row.id in made else row for row in rows]

    async def _forget_erased(
        self,
        vectors: VectorStore,
        namespace: str,
        seen: Mapping[UUID, _Seen],
        rows: Sequence[ViewRow],
        generation: int,
    ) -> None:
        """Let nothing stand of memories that an erasure took, whoever put it there, and when.

        All of an erased life has lower positions than all of the next.
        """
        there = {row.id for row in rows}
        gone = [
            known.position
            for memory, known in seen.items()
            if memory not in there and known.generation < generation
        ]
        if gone:
            await vectors.forget(namespace, position=max(gone))
