"""Whatever state the index is in: one run mends it, and a dry run says how."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.coordinates import memory_id
from sfm_core.errors import Conflict, Unavailable
from sfm_core.model import (
    OF_A_NAMESPACE,
    Delete,
    Digest,
    JobName,
    MemoryDraft,
    RepairKind,
    VectorPoint,
)
from sfm_core.testing.writes import a_vector, an_upsert, at
from tests.unit.sfm_core.reconcile.bench import NS, Bench, a_bench

FOREIGN: Final = UUID("00000000-0000-4000-8000-000000000001")
HARMS = (
    "none",
    "lost",
    "behind",
    "ahead",
    "unembedded",
    "deleted, still shown",
    "deleted, lost",
    "owed",
    "owed and lost",
    "owed, then deleted",
    "expired",
    "expired and owed",
)


async def stored(bench: Bench, number: int, *, expires: bool = False) -> UUID:
    draft = MemoryDraft(
        payload={"text": f"memory {number}"},
        expires_at=bench.clock.now() + timedelta(hours=1) if expires else None,
    )
    await bench.remember.store(NS, at(f"{number}"), draft)
    return id_of(number)


def id_of(number: int) -> UUID:
    return memory_id(NS, at(f"{number}"))


async def harmed(bench: Bench, number: int, harm: str) -> None:
    """A memory of which the index was told, and then this happened."""
    id_ = await stored(bench, number, expires=harm.startswith("expired"))
    points = bench.index.of(NS)
    match harm:
        case "lost":
            del points[id_]
        case "behind":
            points[id_] = replace(points[id_], position=points[id_].position - 1)
        case "ahead":
            points[id_] = replace(points[id_], position=points[id_].position + 10**6)
        case "unembedded":
            await bench.store.apply(NS, [an_upsert(f"{number}", model_revision="older")])
        case "deleted, still shown":
            await bench.store.apply(NS, [Delete(coordinate=at(f"{number}"))])
        case "deleted, lost":
            await bench.store.apply(NS, [Delete(coordinate=at(f"{number}"))])
            del points[id_]
        case "owed" | "expired and owed":
            await bench.wal.owe(NS, [(id_, 1)], reason="unavailable")
        case "owed and lost":
            await bench.wal.owe(NS, [(id_, 1)], reason="unavailable")
            del points[id_]
        case "owed, then deleted":
            await bench.wal.owe(NS, [(id_, 1)], reason="unavailable")
            await bench.store.apply(NS, [Delete(coordinate=at(f"{number}"))])
        case _:
            pass


@settings(max_examples=150, deadline=None)
@given(
    harms=st.lists(st.sampled_from(HARMS), max_size=9),
    ghosts=st.integers(0, 2),
    jobs=st.sampled_from([OF_A_NAMESPACE, (JobName.WAL, JobName.PARITY), (JobName.PARITY,)]),
)
def test_a_run_mends_what_the_dry_run_said_and_the_next_one_does_nothing(
    harms: list[str], ghosts: int, jobs: tuple[JobName, ...]
) -> None:
    async def check() -> None:
        bench = a_bench()
        for number, harm in enumerate(harms):
            await harmed(bench, number, harm)
        for number in range(ghosts):
            ghost = UUID(int=FOREIGN.int + number)
            bench.index.of(NS)[ghost] = VectorPoint(
                id=ghost, version=1, position=3, generation=1, vector=a_vector()
            )
        bench.clock.advance(timedelta(hours=2))
        dry = await bench.reconcile.run(NS, jobs=jobs, dry_run=True)
        wet = await bench.reconcile.run(NS, jobs=jobs)
        assert wet.jobs == dry.jobs
        assert wet.complete
        assert await bench.is_sound()
        again = await bench.reconcile.run(NS, jobs=jobs)
        assert [effect for job in again.jobs for effect in job.effects] == []
        await bench.reconcile.run(NS)
        assert not bench.owed()

    anyio.run(check)


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        ("lost", RepairKind.PUT),
        ("behind", RepairKind.PUT),
        ("ahead", RepairKind.PUT),
        ("unembedded", RepairKind.EMBEDDED),
        ("deleted, still shown", RepairKind.BURIED),
    ],
)
async def test_each_harm_is_named_by_what_was_done_about_it(harm: str, kind: RepairKind) -> None:
    bench = a_bench()
    await stored(bench, 0)
    await harmed(bench, 1, harm)
    [report] = (await bench.reconcile.run(NS, jobs=[JobName.PARITY])).jobs
    assert [(effect.id, effect.kind) for effect in report.effects] == [(id_of(1), kind)]
    assert await bench.is_sound()


async def test_a_point_the_record_store_does_not_know_is_removed() -> None:
    bench = a_bench()
    await stored(bench, 1)
    await bench.eraser.erase(NS)
    [report] = (await bench.reconcile.run(NS, jobs=[JobName.PARITY])).jobs
    assert [(effect.id, effect.kind) for effect in report.effects] == [(id_of(1), "removed")]
    assert bench.index.of(NS) == {}


async def test_nothing_but_digests_is_read_when_they_agree() -> None:
    bench = a_bench()
    for number in range(3):
        await stored(bench, number)
    bench.index.calls.clear()
    await bench.reconcile.run(NS, jobs=[JobName.PARITY])
    assert bench.index.calls == ["digest"]


async def test_a_difference_that_is_gone_at_the_second_look_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = a_bench()
    await harmed(bench, 1, "lost")

    async def arrived(seconds: float) -> None:
        del seconds
        await bench.indexing.bring(NS, [id_of(1)])

    monkeypatch.setattr("sfm_core.reconcile.parity.anyio.sleep", arrived)
    [report] = (await bench.reconcile.run(NS, jobs=[JobName.PARITY])).jobs
    assert report.effects == ()
    assert bench.telemetry.counted == []


async def test_more_differences_than_one_run_mends_are_mended_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sfm_core.reconcile.parity.MAX_REPAIRS", 2)
    bench = a_bench()
    for number in range(5):
        await harmed(bench, number, "lost")
    done = []
    for _ in range(3):
        [report] = (await bench.reconcile.run(NS, jobs=[JobName.PARITY])).jobs
        done.append((len(report.effects), report.complete))
    assert done == [(2, False), (2, False), (1, True)]
    assert await bench.is_sound()


async def test_an_erasure_while_a_memory_is_put_leaves_nothing_of_it() -> None:
    bench = a_bench()
    await harmed(bench, 1, "lost")
    put = bench.index.put

    async def erased_first(namespace: str, points: list[VectorPoint]) -> None:
        bench.index.put = put  # type: ignore[method-assign]
        await bench.eraser.erase(NS)
        bench.index.lose()  # swept, by an index that keeps no word of it
        await put(namespace, points)

    bench.index.put = erased_first  # type: ignore[assignment,method-assign]
    await bench.indexing.bring(NS, [id_of(1)])
    assert bench.index.of(NS) == {}


async def test_a_job_that_another_process_does_is_refused_and_nothing_is_done() -> None:
    bench = a_bench()
    await harmed(bench, 1, "lost")
    for job in OF_A_NAMESPACE:
        async with bench.locks.held(NS, job):
            with pytest.raises(Conflict):
                await bench.reconcile.run(NS)
            await bench.reconcile.run(NS, dry_run=True)
    assert not await bench.is_sound()
    async with bench.locks.held("other", *OF_A_NAMESPACE):
        await bench.reconcile.run(NS)
    assert await bench.is_sound()


async def test_an_index_that_does_not_answer_fails_the_run_and_counts_the_attempt() -> None:
    bench = a_bench()
    await harmed(bench, 1, "owed and lost")
    bench.index.down.add("*")
    with pytest.raises(Unavailable):
        await bench.reconcile.run(NS)
    [(entry, due_at)] = bench.owed()
    assert entry.attempts == 1
    assert due_at > bench.clock.now()
    bench.index.down.clear()
    await bench.reconcile.run(NS)
    assert not bench.owed()
    assert await bench.is_sound()


async def test_a_rebuild_fills_an_empty_index_and_removes_what_is_foreign() -> None:
    bench = a_bench()
    for number in range(3):
        await stored(bench, number)
    await bench.store.apply(NS, [Delete(coordinate=at("2"))])
    bench.index.lose()
    bench.index.of(NS)[FOREIGN] = VectorPoint(
        id=FOREIGN, version=1, position=3, generation=1, vector=a_vector()
    )
    done = await bench.parity.rebuild(NS)
    assert done is not None
    assert done.before != done.truth
    assert done.is_sound
    assert {id_: p.deleted for id_, p in bench.index.of(NS).items()} == {
        id_of(0): False,
        id_of(1): False,
        id_of(2): True,
    }


async def test_a_memory_that_was_deleted_stays_gone_through_rebuilds_and_late_upserts() -> None:
    bench = a_bench()
    id_ = await stored(bench, 1)
    late = bench.index.of(NS)[id_]
    await bench.store.apply(NS, [Delete(coordinate=at("1"))])
    bench.index.lose()
    done = await bench.parity.rebuild(NS)
    await bench.index.put(NS, [late])
    assert done is not None
    assert await bench.index.digest(NS) == Digest(0, 0) == done.truth


async def test_a_memory_of_the_life_after_many_erasures_stays_in_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = a_bench()
    id_ = await stored(bench, 1)
    generation, lives = bench.store.generation, iter(range(9))

    async def erased_again(namespace: str) -> int:
        return await generation(namespace) + next(lives)

    monkeypatch.setattr(bench.store, "generation", erased_again)
    with pytest.raises(Conflict):
        await bench.indexing.bring(NS, [id_])
    assert id_ in bench.index.of(NS)
