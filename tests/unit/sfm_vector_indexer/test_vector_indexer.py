"""The vector-indexer over the twins: vectors follow the state of the record store."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.coordinates import memory_id
from sfm_core.errors import Unavailable
from sfm_core.model import F32, Delete, EventType, VectorPoint, ViewRow
from sfm_core.reconcile.indexing import Indexing
from sfm_core.testing.fakes import CountingEmbedder, RecordingTelemetry
from sfm_core.testing.writes import an_upsert, at
from sfm_core.text import indexed_text
from sfm_events.event import MemoryEvent
from sfm_vector_indexer.handler import VectorIndexer
from tests.servers.events import a_link, delivered, foreign, published

NAMESPACE = "default"
REVISION = HashEmbedder().info.model_revision


class Harness:
    def __init__(self, *, has_vectors: bool = True) -> None:
        self.store = InMemoryStore()
        self.vectors = InMemoryVectors()
        self.embedder = CountingEmbedder()
        self.has_vectors = has_vectors
        self.telemetry = RecordingTelemetry()

    @property
    def indexer(self) -> VectorIndexer:
        vectors = self.vectors if self.has_vectors else None
        indexing = Indexing(
            records=self.store,
            mender=InMemoryDigests(self.store),
            embedder=self.embedder,
            vectors=vectors,
        )
        return VectorIndexer(
            indexing=indexing,
            vectors=vectors,
            eraser=InMemoryEraser(self.store),
            telemetry=self.telemetry,
        )

    @property
    def points(self) -> dict[UUID, VectorPoint]:
        return self.vectors._points.get(NAMESPACE, {})

    async def store_bare(self, *places: str) -> None:
        await self.store.apply(
            NAMESPACE,
            [replace(an_upsert(p), vector=None, model_revision=None) for p in places],
        )

    async def handle(self, *events: MemoryEvent) -> None:
        await self.indexer.handle([delivered(event) for event in events])

    def live(self) -> set[UUID]:
        return {id_ for id_, point in self.points.items() if not point.deleted}


@pytest.fixture
def harness() -> Harness:
    return Harness()


def _id(place: str) -> UUID:
    return memory_id(NAMESPACE, at(place))


async def test_a_memory_without_a_vector_is_embedded_stored_and_indexed(harness: Harness) -> None:
    await harness.store_bare("1")
    await harness.handle(*published(harness.store, NAMESPACE))
    [row] = harness.store.rows(NAMESPACE)
    indexed = indexed_text(row.memory.text, source=None, occurred_at=None)
    [expected] = await HashEmbedder().embed([indexed])
    assert row.revision == REVISION
    assert row.vector is not None
    assert np.array_equal(row.vector, expected)
    point = harness.points[_id("1")]
    assert (point.version, point.position) == (1, row.memory.position)
    assert point.vector is not None
    assert np.array_equal(point.vector, expected)


async def test_what_has_a_vector_is_not_embedded_again(harness: Harness) -> None:
    await harness.store_bare("1", "2")
    events = published(harness.store, NAMESPACE)
    for _ in range(3):
        await harness.handle(*events, *events)
    assert len(harness.embedder.texts) == 2


async def test_a_vector_of_another_model_is_not_taken_for_one_of_ours(harness: Harness) -> None:
    await harness.store.apply(NAMESPACE, [an_upsert("1", model_revision="another")])
    await harness.handle(*published(harness.store, NAMESPACE))
    assert len(harness.embedder.texts) == 1
    assert harness.points[_id("1")].model_revision == REVISION


async def test_old_events_bring_the_present_state(harness: Harness) -> None:
    await harness.store_bare("1")
    await harness.store_bare("1")
    first, second = published(harness.store, NAMESPACE)
    await harness.handle(first)
    assert harness.points[_id("1")].version == 2
    await harness.handle(second)
    await harness.handle(first)
    assert harness.points[_id("1")].version == 2


async def test_a_deleted_memory_leaves_a_tombstone_that_replays_do_not_pass(
    harness: Harness,
) -> None:
    await harness.store_bare("1")
    before = published(harness.store, NAMESPACE)
    await harness.handle(*before)
    await harness.store.apply(NAMESPACE, [Delete(coordinate=at("1"))])
    for events in (published(harness.store, NAMESPACE), before, before):
        await harness.handle(*events)
        point = harness.points[_id("1")]
        assert (point.deleted, point.version, point.vector) == (True, 2, None)


async def test_an_erased_namespace_is_forgotten_and_replays_bring_nothing_back(
    harness: Harness,
) -> None:
    await harness.store_bare("1", "2")
    before = published(harness.store, NAMESPACE)
    await harness.handle(*before)
    await InMemoryEraser(harness.store).erase(NAMESPACE)
    await harness.store_bare("2")
    after = published(harness.store, NAMESPACE)
    for events in (after, before, [*before, *after], before):
        await harness.handle(*events)
        assert harness.live() == {_id("2")}
        assert len(harness.points) == 1


async def test_nothing_is_forgotten_on_the_word_of_an_event(harness: Harness) -> None:
    await harness.store_bare("1")
    await harness.handle(*published(harness.store, NAMESPACE))
    said = foreign(EventType.ERASED, generation=9, version=9, position=2**53 - 1)
    await harness.handle(said)
    assert harness.live() == {_id("1")}
    await harness.store_bare("2")
    await harness.handle(*published(harness.store, NAMESPACE))
    assert harness.live() == {_id("1"), _id("2")}


async def test_a_memory_that_moves_on_meanwhile_keeps_the_vector_of_its_text(
    harness: Harness,
) -> None:
    class MovesOn(CountingEmbedder):
        async def embed(self, texts: Sequence[str]) -> F32:
            found = await super().embed(texts)
            if len(self.texts) == 1:
                await harness.store.apply(
                    NAMESPACE,
                    [replace(an_upsert("1", text="later"), vector=None, model_revision=None)],
                )
            return found

    harness.embedder = MovesOn()
    await harness.store_bare("1")
    await harness.handle(*published(harness.store, NAMESPACE))
    [row] = harness.store.rows(NAMESPACE)
    assert row.vector is None
    await harness.handle(*published(harness.store, NAMESPACE))
    [row] = harness.store.rows(NAMESPACE)
    [expected] = await HashEmbedder().embed(["later"])
    assert row.vector is not None
    assert np.array_equal(row.vector, expected)
    assert harness.points[_id("1")].version == 2


async def test_foreign_events_and_links_are_not_looked_at(harness: Harness) -> None:
    await harness.store_bare("1", "2")
    link = a_link(at("1"), at("2"))
    await harness.handle(
        foreign(coordinate=at("1"), id=_id("1")),
        foreign(EventType.LINKED, id=_id("1"), link=link, generation=1, version=1, position=99),
    )
    assert harness.points == {}
    assert harness.embedder.texts == []


async def test_without_a_vector_store_it_only_embeds() -> None:
    harness = Harness(has_vectors=False)
    await harness.store_bare("1")
    await harness.handle(*published(harness.store, NAMESPACE))
    [row] = harness.store.rows(NAMESPACE)
    assert row.vector is not None
    assert harness.points == {}


async def test_many_memories_are_read_in_portions(harness: Harness) -> None:
    asked: list[int] = []

    class Watched(InMemoryStore):
        async def view_rows(
            self, namespace: str, ids: Collection[UUID], *, model_revision: str
        ) -> Sequence[ViewRow]:
            asked.append(len(ids))
            return await super().view_rows(namespace, ids, model_revision=model_revision)

    harness.store = Watched()
    places = [f"{n}" for n in range(150)]
    await harness.store_bare(*places)
    await harness.handle(*published(harness.store, NAMESPACE))
    assert harness.live() == {_id(place) for place in places}
    assert asked == [64, 64, 22]


async def test_an_outage_of_the_vector_store_is_told_and_made_good_later(
    harness: Harness,
) -> None:
    class Down:
        async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
            raise Unavailable("the vector store does not answer")

    await harness.store_bare("1")
    events = published(harness.store, NAMESPACE)
    there, harness.vectors = harness.vectors, Down()  # type: ignore[assignment]  # as it fails
    for _ in range(2):
        with pytest.raises(Unavailable):
            await harness.handle(*events)
    harness.vectors = there
    await harness.handle(*events)
    assert harness.live() == {_id("1")}
    assert len(harness.embedder.texts) == 1  # what was embedded is kept meanwhile


async def test_what_was_done_is_counted(harness: Harness) -> None:
    await harness.store_bare("1", "2")
    events = published(harness.store, NAMESPACE)
    await harness.handle(*events)
    await harness.handle(*events)
    assert harness.telemetry.counted == [
        ("indexed_texts_total", 2, {}),
        ("indexed_points_total", 2, {}),
        ("indexed_points_total", 2, {}),
    ]
