"""Rounds over every namespace: what is looked at, and what holds up nothing else."""

from datetime import timedelta
from itertools import pairwise

import pytest

from sfm_core.errors import Unavailable
from sfm_core.model import JobName
from sfm_core.reconcile.backoff import FIRST_S, LONGEST_S
from sfm_core.reconcile.rounds import FREE_S, REST, VIEWS_S, WHOLE_S, ParityRounds
from sfm_core.testing.writes import an_upsert
from tests.unit.sfm_core.reconcile.bench import Bench, a_bench


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def rounds_of(bench: Bench, time: Time, *, only_whole: bool = False) -> ParityRounds:
    return ParityRounds(
        parity=bench.parity,
        ledger=bench.ledger,
        feed=bench.store,
        locks=bench.locks,
        only_whole=only_whole,
        time=time,
    )


async def stored(bench: Bench, *namespaces: str, coordinate: str = "1") -> None:
    for namespace in namespaces:
        write = an_upsert(coordinate, model_revision=bench.revision)
        await bench.store.apply(namespace, [write])


async def test_what_the_index_lacks_is_put_there_by_the_next_round() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a", "b")
    assert await rounds.round() == {"put": 2}
    assert await bench.is_sound("a")
    assert await bench.is_sound("b")
    assert await rounds.round() == {}  # sound is what a look found sound
    bench.index.calls.clear()
    assert await rounds.round() == {}
    assert bench.index.calls == []
    await stored(bench, "b", coordinate="2")
    assert await rounds.round() == {"put": 1}
    assert await bench.is_sound("b")


async def test_what_the_index_lost_is_found_though_nobody_wrote() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a")
    await rounds.round()
    await rounds.round()
    bench.index.lose()
    assert await rounds.round() == {}
    time.now += WHOLE_S
    assert await rounds.round() == {"put": 1}


async def test_a_namespace_that_fails_holds_up_no_other_and_is_tried_again() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a", "b", "c")
    bench.index.down |= {"a", "b"}
    assert await rounds.round() == {"put": 1}
    assert await bench.is_sound("c")
    bench.index.down.clear()
    await rounds.round()
    assert await bench.is_sound("a")
    assert await bench.is_sound("b")


async def test_an_index_that_is_down_ends_the_round_and_loses_nothing() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    names = [f"n{number}" for number in range(9)]
    await stored(bench, *names)
    bench.index.down.add("*")
    with pytest.raises(Unavailable):
        await rounds.round()
    assert len(bench.index.calls) == 3
    bench.index.down.clear()
    await rounds.round()
    assert all([await bench.is_sound(name) for name in names])


async def test_a_job_of_another_process_is_passed_over_and_looked_at_later() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a", "b")
    async with bench.locks.held("a", "parity"):
        assert await rounds.round() == {"put": 1}
        assert not await bench.is_sound("a")
    assert await rounds.round() == {"put": 1}
    assert await bench.is_sound("a")


async def test_a_namespace_that_was_erased_is_looked_at_too() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a")
    await rounds.round()
    await bench.eraser.erase("a")
    assert await rounds.round() == {"removed": 1}


async def test_a_namespace_that_takes_long_is_left_alone_for_longer() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a")
    digest = bench.index.digest

    async def slow(namespace: str) -> object:
        time.now += 1.0
        return await digest(namespace)

    bench.index.digest = slow  # type: ignore[assignment,method-assign]
    await rounds.round()
    bench.index.calls.clear()
    await stored(bench, "a", coordinate="2")
    await rounds.round()
    assert bench.index.calls == []
    time.now += (1.0 - FREE_S) * REST
    assert await rounds.round() == {"put": 1}


async def test_what_one_look_does_not_mend_the_next_ones_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sfm_core.reconcile.rounds.AT_ONCE", 2)
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    for number in range(5):
        await stored(bench, "a", coordinate=f"{number}")
    assert [await rounds.round() for _ in range(4)] == [{"put": 2}, {"put": 2}, {"put": 1}, {}]
    assert await bench.is_sound("a")


async def test_where_only_whole_rounds_are_asked_nothing_is_looked_at_in_between() -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time, only_whole=True)
    await rounds.round()
    await stored(bench, "a")
    assert await rounds.round() == {}
    time.now += WHOLE_S
    assert await rounds.round() == {"put": 1}


async def test_views_are_compared_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a")
    run, asked = bench.parity.run, []

    async def noted(namespace: str, *, views: bool, limit: int) -> object:
        asked.append(views)
        return await run(namespace, views=views, limit=limit)

    monkeypatch.setattr(type(bench.parity), "run", lambda _, *a, **k: noted(*a, **k))
    for _ in range(3):
        await rounds.round()
        time.now += WHOLE_S
    time.now += VIEWS_S
    await rounds.round()
    assert asked == [True, False, False, True]


async def test_what_is_owed_is_paid_when_it_is_due_and_later_each_time_it_fails() -> None:
    bench = a_bench()
    await stored(bench, "a", "b")
    for namespace in ("a", "b"):
        [memory] = bench.store.live(namespace)
        await bench.wal.owe(namespace, [(memory.id, 1)], reason="unavailable")
    bench.index.down.add("a")
    assert await bench.replay.run_due() == {"put": 1}
    waits = []
    for _ in range(9):
        [(entry, due_at)] = bench.owed("a")
        waits.append((due_at - bench.clock.now()).total_seconds())
        assert await bench.replay.run_due() == {}
        assert bench.owed("a")[0][0].attempts == entry.attempts
        bench.clock.set(due_at)
        await bench.replay.run_due()
    assert FIRST_S / 2 <= waits[0] <= FIRST_S
    assert all(1.0 < later / sooner < 4.0 for sooner, later in pairwise(waits[:4]))
    assert all(LONGEST_S / 2 <= wait <= LONGEST_S for wait in waits[5:])
    bench.index.down.clear()
    bench.clock.advance(timedelta(seconds=LONGEST_S))
    assert await bench.replay.run_due() == {"put": 1}
    assert not bench.owed("a")


async def test_what_is_owed_of_a_memory_that_is_not_there_is_struck_off() -> None:
    bench = a_bench()
    await stored(bench, "a")
    [memory] = bench.store.live("a")
    await bench.wal.owe("a", [(memory.id, 1)], reason="unavailable")
    bench.store.peek("a").rows.clear()
    assert await bench.replay.run_due() == {"struck": 1}
    assert not bench.owed("a")


async def test_an_index_that_is_down_is_not_asked_for_every_namespace_that_owes() -> None:
    bench = a_bench()
    names = [f"n{number}" for number in range(9)]
    await stored(bench, *names)
    for name in names:
        [memory] = bench.store.live(name)
        await bench.wal.owe(name, [(memory.id, 1)], reason="unavailable")
    bench.index.down.add("*")
    with pytest.raises(Unavailable):
        await bench.replay.run_due()
    assert bench.index.calls == ["put"] * 3


async def test_what_is_owed_elsewhere_waits_for_no_lock_and_no_large_debt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sfm_core.reconcile.wal.MAX_OWED", 2)
    bench = a_bench()
    for number in range(4):
        await stored(bench, "a", coordinate=f"{number}")
    for memory in bench.store.live("a"):
        await bench.wal.owe("a", [(memory.id, 1)], reason="unavailable")
    await stored(bench, "b")
    [memory] = bench.store.live("b")
    await bench.wal.owe("b", [(memory.id, 1)], reason="unavailable")
    async with bench.locks.held("a", JobName.WAL):
        assert await bench.replay.run_due() == {"put": 1}
    assert (len(bench.owed("a")), len(bench.owed("b"))) == (4, 0)
    await bench.wal.owe("b", [(memory.id, 1)], reason="unavailable")
    assert await bench.replay.run_due() == {"put": 3}
    assert (len(bench.owed("a")), len(bench.owed("b"))) == (2, 0)


async def test_a_bug_met_in_one_namespace_leaves_the_others_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    await stored(bench, "a", "b")
    digest = bench.index.digest

    async def faulty(namespace: str) -> object:
        if namespace == "a":
            raise KeyError("position")
        return await digest(namespace)

    monkeypatch.setattr(bench.index, "digest", faulty)
    assert await rounds.round() == {"put": 1}
    monkeypatch.undo()
    assert await rounds.round() == {"put": 1}
    assert await bench.is_sound("a")


async def test_what_is_not_whole_yet_goes_on_without_a_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sfm_core.reconcile.rounds.AT_ONCE", 2)
    bench, time = a_bench(), Time()
    rounds = rounds_of(bench, time)
    digest = bench.index.digest

    async def slow(namespace: str) -> object:
        time.now += 1.0
        return await digest(namespace)

    monkeypatch.setattr(bench.index, "digest", slow)
    for number in range(5):
        await stored(bench, "a", coordinate=f"{number}")
    assert [await rounds.round() for _ in range(3)] == [{"put": 2}, {"put": 2}, {"put": 1}]


async def test_one_refused_point_keeps_no_other_out_of_the_index() -> None:
    bench, time = a_bench(), Time()
    for number in range(9):
        await stored(bench, "a", coordinate=f"{number}")
    memories = [memory.id for memory in bench.store.live("a")]
    bench.index.refused.add(memories[4])
    await bench.wal.owe("a", [(one, 1) for one in memories[:6]], reason="unavailable")
    assert await bench.replay.run_due() == {"put": 5}
    [(owed, due_at)] = bench.owed("a")
    assert (owed.memory_id, owed.reason) == (memories[4], "refused")
    assert due_at - bench.clock.now() == timedelta(hours=1)
    assert await rounds_of(bench, time).round() == {"put": 3}
    assert bench.index.of("a").keys() == set(memories) - {memories[4]}


async def test_an_index_that_remembers_an_erasure_which_the_log_does_not_takes_memories_again() -> (
    None
):
    bench, time = a_bench(), Time()
    await stored(bench, "a", "b")
    for name in ("a", "b"):
        await bench.index.forget(name, position=10**6)
    [memory] = bench.store.live("a")
    with pytest.raises(Unavailable):
        await bench.indexing.bring("a", [memory.id])
    assert await rounds_of(bench, time).round() == {"put": 2}
    assert await bench.is_sound("a")
    bench.index.lose()
    await bench.index.forget("a", position=10**6)
    await bench.parity.rebuild("a")
    assert await bench.is_sound("a")
