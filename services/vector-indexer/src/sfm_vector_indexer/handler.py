"""What the vector-indexer does with events: it brings vectors up to the state of the store."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, final
from uuid import UUID

from sfm_core.model import EventType, RepairKind
from sfm_core.ports import Eraser, NoTelemetry, Telemetry, VectorStore
from sfm_core.reconcile.indexing import Indexing
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered

_OF_LINKS: Final = frozenset({EventType.LINKED, EventType.UNLINKED})


@dataclass(slots=True)
class _Told:
    """What a batch says of one namespace."""

    memories: dict[UUID, None] = field(default_factory=dict)
    """Each once, in the order in which they were first told of."""
    erased: bool = False

    def note(self, event: MemoryEvent) -> None:
        if event.type is EventType.ERASED:
            self.erased = True
        elif event.type not in _OF_LINKS:
            self.memories[event.id] = None


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
        indexing: Indexing,
        vectors: VectorStore | None,
        eraser: Eraser,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`vectors`: that of `indexing`."""
        self._indexing = indexing
        self._vectors = vectors
        self._eraser = eraser
        self._telemetry = telemetry or NoTelemetry()

    async def handle(self, events: Sequence[Delivered]) -> None:
        """As `Handler.handle`.

        Raises:
            Conflict: a namespace was erased again and again meanwhile; the batch comes again.
            Unavailable: the record store, the embedder or the vector store does not answer.
        """
        by_namespace: defaultdict[str, _Told] = defaultdict(_Told)
        for delivered in events:
            if delivered.event.is_canonical:
                by_namespace[delivered.event.namespace].note(delivered.event)
        for namespace, told in by_namespace.items():
            if told.erased and self._vectors is not None:
                await self._forget(namespace, self._vectors)
            if told.memories:
                self._count(await self._indexing.bring(namespace, told.memories.keys()))

    async def _forget(self, namespace: str, vectors: VectorStore) -> None:
        """Up to where the record store says that it was erased: what is forgotten up to a
        position never comes back below it, so no event is taken at its word.
        """
        if position := await self._eraser.last(namespace):
            await vectors.forget(namespace, position=position)

    def _count(self, done: dict[UUID, RepairKind]) -> None:
        kinds = Counter(done.values())
        if embedded := kinds[RepairKind.EMBEDDED]:
            self._telemetry.count("indexed_texts_total", embedded)
        if done and self._vectors is not None:
            self._telemetry.count("indexed_points_total", len(done))
