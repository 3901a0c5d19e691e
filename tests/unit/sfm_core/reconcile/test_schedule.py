"""Jobs that come round again by themselves."""

from collections.abc import Mapping
from random import Random

import anyio
import pytest

from sfm_core.errors import Unavailable
from sfm_core.model import JobName
from sfm_core.reconcile.schedule import Job, Schedule
from sfm_core.testing.fakes import RecordingTelemetry


class Ticking:
    """Rounds of a job: the second one fails, the fourth ends the test."""

    def __init__(self) -> None:
        self.rounds = 0
        self.enough = anyio.Event()

    async def round(self) -> Mapping[str, int]:
        await anyio.lowlevel.checkpoint()
        self.rounds += 1
        if self.rounds == 2:
            raise Unavailable("the store does not answer")
        if self.rounds == 4:
            self.enough.set()
        return {"put": 2}


async def test_a_job_comes_round_again_also_after_a_round_that_failed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfm_core.reconcile.schedule.delay_s", lambda failures, _: failures / 1000)
    ticking, telemetry = Ticking(), RecordingTelemetry()
    job = Job(name=JobName.PARITY, round=ticking.round, interval_s=0.001)
    schedule = Schedule([job], telemetry=telemetry)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(schedule.run)
            await ticking.enough.wait()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == ["reconcile.failed"]
    outcomes = [labels["outcome"] for _, _, labels in telemetry.observed]
    assert outcomes[:4] == ["ok", "unavailable", "ok", "ok"]
    assert telemetry.counted[0] == (
        "reconcile_effects_total",
        2.0,
        {"job": "parity", "effect": "put"},
    )


async def test_what_a_job_failed_of_is_told_until_it_goes_well() -> None:
    ticking = Ticking()
    job = Job(name=JobName.WAL, round=ticking.round, interval_s=1)
    schedule = Schedule([job], random=Random(1))
    seen = []
    for _ in range(3):
        await schedule.round(job)
        seen.append(dict(schedule.failing))
    assert seen == [{}, {JobName.WAL: "the store does not answer"}, {}]


async def test_a_job_that_hangs_holds_up_no_other() -> None:
    ticking, hung = Ticking(), anyio.Event()

    async def hanging() -> Mapping[str, int]:
        hung.set()
        await anyio.sleep_forever()
        return {}

    jobs = [
        Job(name=JobName.RELAY, round=hanging, interval_s=0.001),
        Job(name=JobName.WAL, round=ticking.round, interval_s=0.001),
    ]
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Schedule(jobs).run)
            await hung.wait()
            await ticking.enough.wait()
            tasks.cancel_scope.cancel()


async def test_a_job_that_is_not_urgent_waits_for_its_first_interval() -> None:
    ticking, other = Ticking(), Ticking()
    jobs = [
        Job(name=JobName.UPKEEP, round=ticking.round, interval_s=3600, at_once=False),
        Job(name=JobName.WAL, round=other.round, interval_s=0.001),
    ]
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Schedule(jobs).run)
            await other.enough.wait()
            tasks.cancel_scope.cancel()
    assert ticking.rounds == 0


async def test_a_bug_in_one_job_ends_no_other_and_not_the_process() -> None:
    ticking, faults = Ticking(), 0

    async def faulty() -> Mapping[str, int]:
        nonlocal faults
        await anyio.lowlevel.checkpoint()
        faults += 1
        raise KeyError("position")

    jobs = [
        Job(name=JobName.PARITY, round=faulty, interval_s=0.001),
        Job(name=JobName.WAL, round=ticking.round, interval_s=0.001),
    ]
    schedule = Schedule(jobs)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(schedule.run)
            await ticking.enough.wait()
            tasks.cancel_scope.cancel()
    assert faults
    assert schedule.failing[JobName.PARITY] == "an internal error: KeyError"
