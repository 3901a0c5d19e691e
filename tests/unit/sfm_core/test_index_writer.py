"""From a commit to the index, or to what is owed."""

from datetime import UTC, datetime

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_wal import InMemoryWal
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.indexing import writing
from sfm_core.indexing.writing import IndexWriter
from sfm_core.model import ViewRow
from sfm_core.testing.contracts_vectors import DIM, REVISION, a_row
from sfm_core.testing.fakes import InlineJobs
from sfm_core.testing.vectors import FlakyVectors
from sfm_core.testing.writes import an_upsert

NS = "acme"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


class World:
    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.wal = InMemoryWal(self.store)
        self.vectors = FlakyVectors()
        self.jobs = InlineJobs()
        self.index = IndexWriter(
            vectors=self.vectors, wal=self.wal, jobs=self.jobs, model_revision=REVISION
        )

    async def row(self, place: int, **said: object) -> ViewRow:
        await self.vectors.prepare(dim=DIM)
        await self.store.apply(NS, [an_upsert(str(place))])
        return a_row(NS, place, id=memory_id(NS, Coordinate(str(place))), **said)

    async def owed(self) -> list[tuple[str, int]]:
        due = await self.wal.due(now=FAR, limit=9)
        return [(one.reason, one.version) for one in due]


async def test_a_memory_without_a_vector_is_pending_and_not_owed() -> None:
    world = World()
    row = await world.row(1, vector=None)
    assert await world.index.now(NS, [row], generation=1) == {row.id}
    assert await world.owed() == []
    assert await world.vectors.held(NS) == 0


async def test_a_bug_in_the_index_fails_nothing_and_is_owed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    row = await world.row(1)

    async def broken(*_: object) -> None:
        raise KeyError("position")

    monkeypatch.setattr(FlakyVectors, "put", broken)
    assert await world.index.now(NS, [row], generation=1) == {row.id}
    assert await world.owed() == [("a bug: see the log", 1)]
    assert "vector_store.failed" in caplog.messages


async def test_what_is_owed_from_before_is_struck_off_only_when_it_may_be() -> None:
    world = World()
    row = await world.row(1)
    await world.wal.owe(NS, [(row.id, 1)], reason="down")
    assert await world.index.now(NS, [row], generation=1) == set()
    assert await world.owed() == [("down", 1)]
    assert await world.index.now(NS, [row], generation=1, again=True) == set()
    assert await world.owed() == []


async def test_what_is_too_much_at_once_is_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_BEHIND", 2)
    world = World()
    rows = [await world.row(place) for place in (1, 2, 3)]
    for row in rows:
        assert await world.index.later(NS, [row], generation=1) == {row.id}
    assert await world.owed() == [("too much is on its way to the vector index", 1)]
    await world.jobs.finish()
    assert await world.vectors.held(NS) == 2
    await world.index.later(NS, [rows[2]], generation=1, again=True)
    await world.jobs.finish()
    assert await world.vectors.held(NS) == 3
    assert await world.owed() == []
