"""Following the log in one process."""

from contextlib import aclosing

import anyio

from sfm_core.coordinates import Coordinate
from sfm_core.factory import create_memory_system
from sfm_core.log.following import Following, Wakes
from sfm_core.model import Event, MemoryDraft
from sfm_core.remember import Remember
from sfm_core.system import MemorySystem
from tests.unit.sfm_api.twin_runtime import TWINS, twin_runtime

NEVER_S = 3600.0


async def test_a_follower_is_woken_by_a_write_of_its_process() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        memory.runtime.following._poll_s = NEVER_S
        found: list[Event] = []
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_follow, memory, found)
                for n in range(3):
                    await memory.store((n,), {"n": n})
                    while len(found) <= n:
                        await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
    assert [event.coordinate.text for event in found] == ["0", "1", "2"]


async def test_a_write_of_another_process_is_found_by_looking() -> None:
    async with twin_runtime() as runtime:
        following = Following(events=runtime.events, wakes=Wakes(), poll_s=0.01)
        with anyio.fail_after(10):
            async with aclosing(following.follow("a")) as pages, anyio.create_task_group() as tasks:
                tasks.start_soon(_store, runtime.remember)
                page = await anext(pages)
    assert len(page.events) == 1


async def _follow(memory: MemorySystem, found: list[Event]) -> None:
    async with aclosing(memory.follow()) as events:
        async for event in events:
            found.append(event)  # noqa: PERF401 - seen one by one


async def _store(remember: Remember) -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()
    await remember.store("a", Coordinate("1"), MemoryDraft(payload={}))


async def test_nobody_is_remembered_who_has_gone() -> None:
    wakes = Wakes()
    with wakes.watching("a") as first, wakes.watching("a") as second:
        wakes.wake("a")
        wakes.wake("b")
        assert first.heard.is_set()
        assert second.heard.is_set()
    assert not wakes._watches


async def test_the_facade_gives_pages() -> None:
    async with create_memory_system("evented_enterprise", "a", TWINS) as memory:
        for n in range(3):
            await memory.store((n,), {"n": n})
        first = await memory.events(limit=2)
        second = await memory.events(after=first.position)
    assert (len(first.events), first.more, len(second.events), second.more) == (2, True, 1, False)
