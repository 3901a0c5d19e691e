"""The event pipeline over twins, in one process and step by step: what was stored, published, read.

Two pipelines that live through the same history, one of them with every event five times and in
any order, are to end alike (`Pipeline.state`), and each with its projections like its store.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_inbox import InMemoryInbox
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.coordinates import Coordinate
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import F32, Delete, EmbedderInfo, EventType, LinkKey, PutLink, Stamp, Write
from sfm_core.recall.digests import graph_digest, slab_digest, stored_graph_digest
from sfm_core.recall.view import View
from sfm_core.reconcile.indexing import Indexing
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.writes import an_upsert
from sfm_events.event import MemoryEvent
from sfm_events.ports import Delivered
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from sfm_kv_writer.handler import KvWriter
from sfm_vector_indexer.handler import VectorIndexer
from tests.servers.events import canonical, delivered

NAMESPACE: Final = "default"


class Remembering:
    """The hash embedder, which embeds a text once."""

    def __init__(self) -> None:
        self._inner = HashEmbedder()
        self._known: dict[str, F32] = {}

    @property
    def info(self) -> EmbedderInfo:
        return self._inner.info

    async def embed(self, texts: Sequence[str]) -> F32:
        for text in texts:
            if text not in self._known:
                [self._known[text]] = await self._inner.embed([text])
        return np.stack([self._known[text] for text in texts])


EMBEDDER: Final = Remembering()
REVISION: Final = EMBEDDER.info.model_revision
END: Final = Coordinate("9")
"""Where links of ours lead: a memory that always lives."""
_TICK: Final = timedelta(microseconds=1)
_ANALYZER: Final = Analyzer("english")


@dataclass(frozen=True, slots=True)
class Own:
    """A write over the API: stored at once, with its vector."""

    what: str
    """store, delete, restore, link"""
    place: Coordinate
    said: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """An event that somebody else publishes, without its time."""

    event: MemoryEvent


@dataclass(frozen=True, slots=True)
class Erasure:
    """Over the API."""


type Step = Own | Foreign | Erasure


class Pipeline:
    """The record store, the topic, both consumers, a vector store and a view."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.vectors = InMemoryVectors()
        self._digests = InMemoryDigests(self.store)
        self._writer = KvWriter(
            inbox=InMemoryInbox(self.store),
            info=EMBEDDER.info,
            producer=InMemoryProducer(InMemoryBroker()),
            clock=SystemClock(),
        )
        indexing = Indexing(
            records=self.store, mender=self._digests, embedder=EMBEDDER, vectors=self.vectors
        )
        self._indexer = VectorIndexer(
            indexing=indexing, vectors=self.vectors, eraser=InMemoryEraser(self.store)
        )
        self._relayed = 0
        self._generation = 1
        self._view = self._new_view()
        self._token = 0
        self._seen_generation = 1
        self._last_erasure = datetime(1970, 1, 1, tzinfo=UTC)

    def _new_view(self) -> View:
        return View(NAMESPACE, dim=EMBEDDER.info.dim, analyzer=_ANALYZER)

    async def live_through(self, step: Step) -> list[Delivered]:
        """Let it happen; what is on the topic because of it, once the relay has been there."""
        if isinstance(step, Erasure):
            erased = await InMemoryEraser(self.store).erase(NAMESPACE)
            self._last_erasure = erased.at
            self._generation = erased.generation
        elif isinstance(step, Foreign):
            at = max(datetime.now(UTC), self._last_erasure + _TICK)
            return [delivered(replace(step.event, at=at))]
        else:
            await self._write(step)
        return self.relay()

    async def _write(self, step: Own) -> None:
        payload: dict[str, Any] = {"said": f"words {step.said}"}
        upsert = an_upsert(step.place.text, payload=payload)
        [vector] = await EMBEDDER.embed([upsert.text])
        upsert = replace(upsert, vector=vector, model_revision=REVISION)
        write: Write = upsert
        if step.what == "delete":
            write = Delete(coordinate=step.place)
        elif step.what == "restore":
            write = replace(upsert, stamp=Stamp(event=EventType.RESTORED))
        elif step.what == "link":
            put = PutLink(key=LinkKey(origin=step.place, target=END), weight=step.said + 1.0)
            await InMemoryLinks(self.store).apply(NAMESPACE, [put])
            return
        await self.store.apply(NAMESPACE, [write])

    def relay(self) -> list[Delivered]:
        """What the log holds that was not published yet."""
        new = [event for event in self.store.log(NAMESPACE) if event.position > self._relayed]
        self._relayed = max([self._relayed, *(event.position for event in new)])
        return [delivered(canonical(event, self._generation)) for event in new]

    async def write(self, batch: Sequence[Delivered]) -> None:
        """Let the kv-writer have a batch; what it adds to the log is not relayed yet."""
        await self._writer.handle(batch)

    async def index(self, batch: Sequence[Delivered]) -> None:
        """Let the vector-indexer have a batch."""
        await self._indexer.handle(batch)

    async def follow(self) -> None:
        """Let the view catch up, as the change feed does."""
        changes = await self.store.changes(self._token, [NAMESPACE], model_revision=REVISION)
        if changes.generations.get(NAMESPACE, 1) != self._seen_generation:
            self._view = self._new_view()
            changes = await self.store.changes(0, [NAMESPACE], model_revision=REVISION)
        self._seen_generation = changes.generations.get(NAMESPACE, 1)
        self._view.apply(changes.rows, changes.samples.get(NAMESPACE, ()), changes.links)
        self._token = changes.token

    def state(self) -> object:
        """What is stored, but for times and places in the log: those are each pipeline's own."""
        rows = {
            row.memory.coordinate.text: (
                row.memory.version,
                row.live,
                row.memory.draft,
                row.memory.text,
                None if row.vector is None else row.vector.tobytes(),
            )
            for row in self.store.rows(NAMESPACE)
        }
        links = {
            (one.link.key.origin.text, one.link.key.target.text): (
                one.live,
                one.link.weight if one.live else None,
                one.link.version,
            )
            for one in self.store.peek(NAMESPACE).links.values()
        }
        return rows, links

    async def check_projections(self) -> None:
        """The vector store and the view are as the record store is."""
        await self.follow()
        rows = {row.memory.id: row for row in self.store.rows(NAMESPACE)}
        points = self.vectors._points.get(NAMESPACE, {})
        assert {id_ for id_, row in rows.items() if row.live} <= set(points) <= set(rows)
        for id_, point in points.items():
            row = rows[id_]
            assert (point.position, point.deleted) == (row.memory.position, not row.live)
            if row.live:
                assert row.vector is not None
                assert point.vector is not None
                assert point.vector.tobytes() == row.vector.tobytes()
        snapshot = self._view.snapshot()
        assert slab_digest(snapshot) == await self._digests.vectors(
            NAMESPACE, model_revision=REVISION
        )
        assert graph_digest(snapshot) == await stored_graph_digest(self.store, NAMESPACE)
