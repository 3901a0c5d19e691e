"""What is recalled and read is counted, without the reader waiting for it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import anyio
import pytest

from sfm_core.errors import Misconfigured, SfmError, Unavailable
from sfm_core.factory import open_runtime
from sfm_core.model import Access, MemoryDraft, RecallQuery
from sfm_core.ports import AccessStore
from sfm_core.testing.fakes import EPOCH, ManualClock
from sfm_core.testing.writes import at
from sfm_core.upkeep import accesses as module
from sfm_core.upkeep.accesses import Accesses
from tests.unit.sfm_api.twin_runtime import TWINS

ONE, TWO = UUID(int=1), UUID(int=2)


class Counting:
    """An `AccessStore` that keeps what it is given, or raises."""

    def __init__(self) -> None:
        self.added: list[tuple[str, Access]] = []
        self.generations: list[int | None] = []
        self.failure: SfmError | None = None

    async def add(
        self, namespace: str, accesses: Sequence[Access], *, generation: int | None = None
    ) -> None:
        self.generations.append(generation)
        if self.failure is not None:
            raise self.failure
        self.added += [(namespace, access) for access in accesses]

    async def counted(self, namespace: str, ids: object) -> dict[UUID, Access]:
        return {}

    async def sweep(self, namespace: str) -> int:
        return 0


async def test_they_add_up_until_they_are_written() -> None:
    store, clock = Counting(), ManualClock()
    accesses = Accesses(store=store, clock=clock)
    accesses.note("a", [ONE, TWO])
    clock.advance(timedelta(seconds=1))
    accesses.note("a", [ONE])
    accesses.note("b", [ONE])
    assert store.added == []
    await accesses.flush()
    later = EPOCH + timedelta(seconds=1)
    assert store.added == [
        ("a", Access(id=ONE, hits=2, last_at=later)),
        ("a", Access(id=TWO, hits=1, last_at=EPOCH)),
        ("b", Access(id=ONE, hits=1, last_at=later)),
    ]
    await accesses.flush()
    assert len(store.added) == 3


async def test_they_outlast_an_outage() -> None:
    store = Counting()
    accesses = Accesses(store=store, clock=ManualClock())
    accesses.note("a", [ONE])
    store.failure = Unavailable("gone")
    await accesses.flush()
    accesses.note("a", [ONE])
    store.failure = None
    await accesses.flush()
    assert store.added == [("a", Access(id=ONE, hits=2, last_at=EPOCH))]


async def test_what_can_never_be_written_is_let_go() -> None:
    store = Counting()
    accesses = Accesses(store=store, clock=ManualClock())
    accesses.note("a", [ONE])
    store.failure = Misconfigured("no such table")
    await accesses.flush()
    assert accesses.waiting == 0


async def test_they_never_take_more_memory_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 2)
    accesses = Accesses(store=Counting(), clock=ManualClock())
    accesses.note("a", [UUID(int=n) for n in range(9)])
    accesses.note("a", [UUID(int=0)])
    assert accesses.waiting == 2


async def test_they_are_written_now_and_then_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.001)
    store = Counting()
    with anyio.fail_after(20):
        async with Accesses.open(store=store, clock=ManualClock()) as accesses:
            accesses.note("a", [ONE])
            while not store.added:
                await anyio.lowlevel.checkpoint()
            monkeypatch.setattr(module, "FLUSH_S", 3600.0)
            accesses.note("a", [TWO])
    assert [access.id for _, access in store.added] == [ONE, TWO]


async def test_recalls_and_reads_are_counted_and_listings_are_not() -> None:
    async with open_runtime(TWINS) as runtime:
        for where in ("1", "2", "3"):
            await runtime.remember.store("demo", at(where), MemoryDraft(payload={"a": where}))
        got = await runtime.remember.get("demo", at("2"))
        found = await runtime.recall.recall("demo", RecallQuery(query="1", top_k=1))
        await runtime.recall.recall("demo", RecallQuery(query="1", top_k=1))
        [hit] = found.hits
        store: AccessStore = runtime.upkeep._accesses
    counts = await store.counted("demo", [got.id, hit.memory.id])
    expected = {got.id: 1}
    expected[hit.memory.id] = expected.get(hit.memory.id, 0) + 2
    assert {id_: access.hits for id_, access in counts.items()} == expected
