"""As the log goes, so goes the state, over the twins."""

import anyio
from hypothesis import given, settings

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.factory import open_runtime
from sfm_core.model import Projected
from sfm_core.system import MemorySystem
from sfm_core.testing.fakes import ManualClock
from sfm_core.testing.replay import replay
from tests.servers.histories import START, STEPS, Step, live_through, settings_of


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_replayed_log_gives_the_same_memories_and_links(history: list[Step]) -> None:
    anyio.run(_replayed, history)


async def _replayed(history: list[Step]) -> None:
    clock = ManualClock(START)
    async with MemorySystem("a", open_runtime(settings_of("memory://"), clock=clock)) as memory:
        await live_through(memory, clock, history)
        target = InMemoryStore()
        events = memory.runtime.events
        links = InMemoryLinks(target)
        await replay(events, "a", records=target, links=links, embedder=HashEmbedder())
        theirs, mine = memory.runtime.digests, InMemoryDigests(target)
        assert await mine.memories("a") == await theirs.memories("a")
        assert await mine.tombstones("a") == await theirs.tombstones("a")
        assert await mine.links("a") == await theirs.links("a")
        told = [
            (await log.page("a", after=0, limit=1000)).events
            for log in (events, InMemoryEvents(target))
        ]
        theirs_told, mine_told = (
            sorted((e.memory_id, e.version, e.type) for e in one) for one in told
        )
        assert mine_told == theirs_told


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_every_projection_that_is_built_anew_is_what_it_was(history: list[Step]) -> None:
    anyio.run(_rebuilt, history)


async def _rebuilt(history: list[Step]) -> None:
    clock = ManualClock(START)
    async with MemorySystem("a", open_runtime(settings_of("memory://"), clock=clock)) as memory:
        await memory.recall("green tea")  # the view is there, and follows
        await live_through(memory, clock, history)
        for projection in (Projected.SLAB, Projected.LEXICAL, Projected.GRAPH, Projected.VECTORS):
            await memory.recall("green tea")
            await memory.runtime.recall.views.refresh()
            done = await memory.rebuild(projection.value)
            assert done.before == done.after == done.truth, projection
