"""The facade's calls about what becomes of memories, judged as in REST."""

from datetime import UTC, datetime

import pytest

from sfm_core.errors import InvalidInput, NotFound, PreconditionFailed
from sfm_core.model import Precondition
from tests.unit.sfm_core.test_system import a_system

TIME = datetime(2999, 1, 1, tzinfo=UTC)


async def test_a_memory_is_patched_looked_back_at_deleted_and_restored() -> None:
    async with a_system() as memory:
        await memory.store((1, 2.5), {"said": "tea", "cup": "blue"}, tags=["a"])
        done = await memory.patch("1,2.5", payload={"cup": None}, expires_at=TIME, tags=["b"])
        assert done.version == 2
        await memory.patch((1, 2.5), expires_at=None, precondition=Precondition(version=2))
        with pytest.raises(PreconditionFailed):
            await memory.patch((1, 2.5), pinned=True, precondition=Precondition(version=2))
        await memory.delete((1, 2.5))
        page = await memory.history((1, 2.5), limit=3)
        assert [event.version for event in page.events] == [4, 3, 2]
        assert page.next_before == 2
        [first] = (await memory.history("1,2.5", before=2)).events
        assert first.memory is not None
        assert first.memory.draft.payload == {"said": "tea", "cup": "blue"}
        assert (await memory.get("1,2.5", version=2)).draft.expires_at == TIME
        assert (await memory.restore("1,2.5", 2)).version == 5
        found = await memory.get("1,2.5")
        assert (found.draft.payload, found.draft.tags) == ({"said": "tea"}, ("b",))
        with pytest.raises(NotFound):
            await memory.restore("1,2.5", 9)


async def test_many_are_deleted_and_a_key_makes_it_once() -> None:
    async with a_system() as memory:
        for i in range(4):
            await memory.store((i,), {"n": i})
        assert (await memory.delete_many([(0,), "1", (9,)])).deleted == 2
        first = await memory.delete_many(filter={"n": 2}, idempotency_key="k")
        await memory.store((2,), {"n": 2})
        again = await memory.delete_many(filter={"n": 2}, idempotency_key="k")
        assert (first.deleted, again.deleted, again.replayed) == (1, 1, True)
        assert (await memory.delete_many(all=True)).deleted == 2


async def test_every_change_with_a_key_replays() -> None:
    async with a_system() as memory:
        await memory.store((1,), {"n": 1})
        patched = [await memory.patch((1,), pinned=True, idempotency_key="p") for _ in range(2)]
        restored = [await memory.restore((1,), 1, idempotency_key="r") for _ in range(2)]
        assert [one.replayed for one in patched + restored] == [False, True, False, True]
        assert [one.version for one in patched + restored] == [2, 2, 3, 3]
        with pytest.raises(InvalidInput):
            await memory.patch((1,), pinned=False, idempotency_key="p")


async def test_it_refuses_what_rest_refuses() -> None:
    async with a_system() as memory:
        await memory.store((1,), {"n": 1})
        for refused in (
            memory.patch((1,)),
            memory.patch((1,), kind="semantic"),
            memory.patch((1,), payload={"n": float("nan")}),
            memory.history((1,), limit=101),
            memory.get((1,), version=0),
            memory.restore((1,), 0),
            memory.delete_many(),
            memory.delete_many(filter={}),
            memory.delete_many([(1,)], all=True),
        ):
            with pytest.raises(InvalidInput):
                await refused
        assert (await memory.get((1,))).version == 1
