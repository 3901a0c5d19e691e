"""What every `VectorWal` does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.ports import Eraser, RecordStore, VectorWal
from sfm_core.testing.writes import an_upsert

_FAR = datetime(2100, 1, 1, tzinfo=UTC)


class WalContract:
    """Subclass with fixtures `store`, `wal` and `eraser`, all over one database."""

    @pytest.fixture
    def ns(self) -> str:
        return f"t-{uuid4().hex[:12]}"

    @pytest.fixture
    async def memories(self, store: RecordStore, ns: str) -> list[UUID]:
        await store.apply(ns, [an_upsert(str(place)) for place in range(3)])
        return sorted(memory_id(ns, Coordinate(str(place))) for place in range(3))

    async def test_what_is_owed_is_due_at_once_and_counted(
        self, wal: VectorWal, store: RecordStore, ns: str, memories: list[UUID]
    ) -> None:
        assert await wal.size(ns) == (0, None)
        await wal.owe(ns, [(memories[0], 1), (memories[1], 2), (memories[0], 1)], reason="down")
        due = await wal.due(now=_FAR, limit=9, namespace=ns)
        assert sorted((one.memory_id, one.version, one.attempts) for one in due) == [
            (memories[0], 1, 0),
            (memories[1], 2, 0),
        ]
        assert {(one.namespace, one.reason) for one in due} == {(ns, "down")}
        count, oldest = await wal.size(ns)
        assert count == 2
        assert sorted(await wal.noted(ns, limit=9)) == memories[:2]
        assert len(await wal.noted(ns, limit=1)) == 1
        assert await wal.noted(f"{ns}-b", limit=9) == []
        assert oldest == min(one.since for one in due)
        stats = await store.stats(ns)
        assert (stats.wal, stats.pending_index, stats.total) == (2, 2, 3)

    async def test_all_namespaces_are_asked_together(
        self, wal: VectorWal, store: RecordStore, ns: str, memories: list[UUID]
    ) -> None:
        other = f"{ns}-b"
        await store.apply(other, [an_upsert("7")])
        before, _ = await wal.size()
        await wal.owe(other, [(memory_id(other, Coordinate("7")), 1)], reason="down")
        await wal.owe(ns, [(memories[0], 1)], reason="down")
        after, oldest = await wal.size()
        assert after == before + 2
        assert oldest is not None
        due = await wal.due(now=_FAR, limit=1000)
        assert {ns, other} <= {one.namespace for one in due}
        assert len(await wal.due(now=_FAR, limit=1)) == 1
        due = await wal.due(now=_FAR, limit=1000, but={ns})
        assert other in {one.namespace for one in due}
        assert ns not in {one.namespace for one in due}

    async def test_only_what_is_due_is_given_the_longest_due_first(
        self, wal: VectorWal, ns: str, memories: list[UUID]
    ) -> None:
        await wal.owe(ns, [(one, 1) for one in memories], reason="down")
        for days, memory in enumerate(memories):
            due_at = _FAR - timedelta(days=days)
            await wal.failed(ns, [memory], reason=f"down {days}", due_at=due_at)
        now = _FAR - timedelta(days=1)
        due = await wal.due(now=now, limit=9, namespace=ns)
        assert [one.memory_id for one in due] == [memories[2], memories[1]]
        assert [(one.attempts, one.reason) for one in due] == [(1, "down 2"), (1, "down 1")]

    async def test_noted_anew_it_keeps_its_attempts_and_the_later_version(
        self, wal: VectorWal, ns: str, memories: list[UUID]
    ) -> None:
        await wal.owe(ns, [(memories[0], 3)], reason="down")
        await wal.failed(ns, [memories[0]], reason="still down", due_at=_FAR)
        await wal.owe(ns, [(memories[0], 2)], reason="again")
        [owed] = await wal.due(now=_FAR, limit=9, namespace=ns)
        assert (owed.version, owed.attempts, owed.reason) == (3, 1, "again")
        assert await wal.due(now=_FAR - timedelta(1), limit=9, namespace=ns) == []

    async def test_struck_off_is_what_was_indexed_and_nothing_later(
        self, wal: VectorWal, ns: str, memories: list[UUID]
    ) -> None:
        await wal.owe(ns, [(memories[0], 3), (memories[1], 1)], reason="down")
        assert await wal.paid(ns, [(memories[0], 2), (memories[1], 1), (memories[2], 1)]) == 1
        assert [one.memory_id for one in await wal.due(now=_FAR, limit=9, namespace=ns)] == [
            memories[0]
        ]
        assert await wal.paid(ns, [(memories[0], 3)]) == 1
        assert await wal.size(ns) == (0, None)

    async def test_what_is_no_memory_is_not_noted(
        self, wal: VectorWal, ns: str, memories: list[UUID]
    ) -> None:
        await wal.owe(ns, [(uuid4(), 1)], reason="down")
        await wal.owe(f"{ns}-b", [(memories[0], 1)], reason="down")
        assert await wal.size(ns) == (0, None)
        assert await wal.size(f"{ns}-b") == (0, None)

    async def test_an_erasure_takes_it_along_and_nothing_is_noted_after(
        self, wal: VectorWal, eraser: Eraser, ns: str, memories: list[UUID]
    ) -> None:
        await wal.owe(ns, [(one, 1) for one in memories], reason="down")
        erased = await eraser.erase(ns)
        [counted] = [one for one in erased.stores if one.store == "wal"]
        assert (counted.removed, counted.left) == (3, 0)
        await wal.owe(ns, [(memories[0], 1)], reason="late")
        assert await wal.size(ns) == (0, None)
