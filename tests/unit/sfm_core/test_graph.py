"""Links through the facade: what two processes see, and what happens when something fails."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.errors import Conflict, InvalidInput, NotFound
from sfm_core.factory import MemoryMode, create_memory_system
from sfm_core.graph import Graph
from sfm_core.model import (
    Delete,
    Direction,
    LinkKey,
    LinkRow,
    NeighborQuery,
    PathQuery,
    PutLink,
    Sample,
    ViewRow,
)
from sfm_core.owned import OwnedJobs
from sfm_core.ports import Jobs
from sfm_core.remember import Commits
from sfm_core.system import MemorySystem
from sfm_core.testing.fakes import InlineJobs, ManualClock
from sfm_core.testing.writes import an_upsert, at

CONFIG = {"postgres_url": "memory://", "embedder": "hash"}


def a_system() -> MemorySystem:
    return create_memory_system(MemoryMode.EVENTED_ENTERPRISE, "acme", CONFIG)


class Shown:
    """Views that keep what they are told; the graph gives what it was set to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.links: list[LinkRow] = []
        self.way: tuple[Sequence[UUID], float] | None = None
        self.refreshed = 0
        self._failure = failure

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        await anyio.lowlevel.checkpoint()
        if self._failure is not None:
            raise self._failure
        self.links += links

    async def shortest_path(
        self, namespace: str, origin: UUID, target: UUID, **rest: object
    ) -> tuple[Sequence[UUID], float] | None:
        await anyio.lowlevel.checkpoint()
        return self.way

    async def refresh(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.refreshed += 1


class World:
    def __init__(self, failure: Exception | None = None, jobs: Jobs | None = None) -> None:
        self.records = InMemoryStore()
        self.views = Shown(failure)
        self.clock = ManualClock()
        self.woken: list[str] = []
        self.graph = Graph(
            links=InMemoryLinks(self.records),
            records=self.records,
            graphs=self.views,
            commits=Commits(
                records=self.records,
                embedder=HashEmbedder(),
                applied=self.views,
                jobs=jobs or InlineJobs(),
                wake=self.woken.append,
            ),
            clock=self.clock,
        )

    async def store(self, *places: str, **draft: Any) -> None:
        await self.records.apply("acme", [an_upsert(place, **draft) for place in places])


def a_put(origin: str, target: str, weight: float = 1.0) -> PutLink:
    return PutLink(key=LinkKey(origin=at(origin), target=at(target)), weight=weight)


async def test_the_facade_links_finds_and_parts() -> None:
    async with a_system() as memory:
        for place in ((1.0,), (2.0,), (3.0,)):
            await memory.store(place, {"n": place[0]})
        made = await memory.link((1,), "2", type="cause", weight=2)
        same = await memory.link("1", Coordinate("2"), type="cause", weight=2.0)
        await memory.link([2], [3])
        assert (made.created, same.created, same.changed) == (True, False, False)
        assert same.link == made.link
        way = await memory.path("1", "3")
        assert [c.text for c in way.coordinates] == ["1", "2", "3"]
        assert way.weight == pytest.approx(1 / 1.5)
        page = await memory.neighbors("2", direction="in", limit=5)
        assert [(n.coordinate.text, n.direction) for n in page.neighbors] == [("1", Direction.IN)]
        gone = await memory.unlink("1", "2", type="cause", idempotency_key="k")
        again = await memory.unlink((1,), (2,), type="cause", idempotency_key="k")
        assert (gone.changed, again.position, again.replayed) == (True, gone.position, True)
        assert (await memory.path("1", "3")).coordinates == ()
        with pytest.raises(InvalidInput, match="weight"):
            await memory.link("1", "2", weight=0)
        with pytest.raises(NotFound):
            await memory.link("1", "9")


async def test_a_deleted_memory_that_comes_back_has_no_way_to_anywhere() -> None:
    async with a_system() as memory:
        await memory.store("1", {"n": 1})
        await memory.store("2", {"n": 2})
        await memory.link("1", "2")
        assert len((await memory.path("1", "2")).coordinates) == 2
        await memory.delete("2")
        await memory.store("2", {"n": 2})
        assert (await memory.path("1", "2")).coordinates == ()
        assert (await memory.neighbors("1")).neighbors == ()


async def test_a_store_over_a_linked_memory_keeps_its_links() -> None:
    async with a_system() as memory:
        await memory.store("1", {"n": 1})
        await memory.store("2", {"n": 2})
        await memory.link("1", "2", weight=3)
        await memory.recall("n")  # loads the view
        await memory.store("2", {"n": "another"})
        assert (await memory.path("1", "2")).weight == 3.0
        assert len((await memory.neighbors("2")).neighbors) == 1


async def test_an_expired_memory_is_neither_linked_nor_passed_through() -> None:
    world = World()
    await world.store("1", "2")
    await world.store("3", expires_at=world.clock.now() + timedelta(hours=1))
    await world.graph.link("acme", a_put("1", "3"))
    around = await world.graph.neighbors("acme", at("1"), NeighborQuery())
    assert len(around.neighbors) == 1
    world.clock.advance(timedelta(hours=1))
    around = await world.graph.neighbors("acme", at("1"), NeighborQuery())
    assert around.neighbors == ()
    with pytest.raises(NotFound):
        await world.graph.link("acme", a_put("2", "3"))
    with pytest.raises(NotFound):
        await world.graph.path("acme", PathQuery(origin=at("1"), target=at("3")))


async def test_a_view_that_fails_does_not_fail_the_link() -> None:
    world = World(failure=RuntimeError("no view"))
    await world.store("1", "2")
    assert (await world.graph.link("acme", a_put("1", "2"))).created


async def test_a_link_is_shown_also_when_it_changed_nothing() -> None:
    world = World()
    await world.store("1", "2")
    for _ in range(2):
        await world.graph.link("acme", a_put("1", "2"))
    assert [(row.version, row.deleted) for row in world.views.links] == [(1, False)] * 2
    await world.graph.unlink("acme", a_put("1", "2").key)
    await world.graph.unlink("acme", a_put("2", "1").key)
    assert [(row.version, row.deleted) for row in world.views.links[2:]] == [(2, True)]


async def test_a_link_is_shown_also_when_its_caller_is_gone() -> None:
    async with OwnedJobs.open() as jobs:
        world = World(jobs=jobs)
        await world.store("1", "2")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await world.graph.link("acme", a_put("1", "2"))
    assert len(world.views.links) in (0, 1)
    page = await world.graph.neighbors("acme", at("1"), NeighborQuery())
    assert len(page.neighbors) == len(world.views.links)


async def test_a_way_over_a_memory_that_was_deleted_elsewhere_is_searched_anew() -> None:
    world = World()
    await world.store("1", "2", "3")
    ids = [memory_id("acme", at(place)) for place in ("1", "2", "3")]
    world.views.way = (ids, 0.5)
    query = PathQuery(origin=at("1"), target=at("3"))
    found = await world.graph.path("acme", query)
    assert ([c.text for c in found.coordinates], found.weight) == (["1", "2", "3"], 0.5)
    await world.records.apply("acme", [Delete(coordinate=at("2"))])
    with pytest.raises(Conflict):
        await world.graph.path("acme", query)
    assert world.views.refreshed == 2


async def test_every_change_of_a_link_wakes_those_who_follow_the_log() -> None:
    world = World()
    await world.store("1", "2")
    await world.graph.link("acme", a_put("1", "2"))
    await world.graph.unlink("acme", a_put("1", "2").key)
    assert world.woken == ["acme", "acme"]
