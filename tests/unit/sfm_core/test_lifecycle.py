import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from time import perf_counter

import anyio
import pytest

from sfm_core.runtime.clock import SystemClock
from sfm_core.runtime.lifecycle import DrainTimeout, run_until_stopped
from sfm_core.testing.fakes import EPOCH, ManualClock
from sfm_core.testing.loop import responsive_loop


def stop(with_signal: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), with_signal)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_body_drain(which: signal.Signals) -> None:
    done: list[str] = []

    async def body(stopping: anyio.Event) -> None:
        stop(which)
        await stopping.wait()
        done.append("drained")

    with anyio.fail_after(5):
        await run_until_stopped(body, grace_s=5)
    assert done == ["drained"]


async def test_a_body_that_ends_by_itself_ends_the_run() -> None:
    async def body(stopping: anyio.Event) -> None:
        assert not stopping.is_set()

    with anyio.fail_after(5):
        await run_until_stopped(body, grace_s=5)


async def test_the_grace_period_ends_a_body_that_goes_on() -> None:
    async def body(_: anyio.Event) -> None:
        stop()
        await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.raises(DrainTimeout, match=r"0\.05 s"):
        await run_until_stopped(body, grace_s=0.05)


async def test_a_second_signal_ends_the_grace_period_at_once() -> None:
    async def body(stopping: anyio.Event) -> None:
        stop()
        await stopping.wait()
        stop(signal.SIGINT)
        await anyio.sleep_forever()

    start = perf_counter()
    with anyio.fail_after(30), pytest.raises(DrainTimeout):
        await run_until_stopped(body, grace_s=60)
    assert perf_counter() - start < 30


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    async def body(_: anyio.Event) -> None:
        raise KeyError("a bug")

    with anyio.fail_after(5), pytest.raises(KeyError, match="a bug"):
        await run_until_stopped(body, grace_s=5)


async def test_a_group_that_the_body_raises_stays_whole() -> None:
    async def body(_: anyio.Event) -> None:
        raise ExceptionGroup("both", [KeyError("a"), ValueError("b")])

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        await run_until_stopped(body, grace_s=5)
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]


async def test_a_cancellation_left_over_in_the_body_does_not_fail_a_clean_stop() -> None:
    """What Hypercorn's `serve` leaves behind on Python 3.12."""
    import asyncio

    async def body(stopping: anyio.Event) -> None:
        stop()
        await stopping.wait()
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        task.uncancel()

    with anyio.fail_after(5):
        await run_until_stopped(body, grace_s=5)


PROGRAM = """
import anyio
from sfm_core.runtime.lifecycle import run_until_stopped

async def body(stopping):
    print("up", flush=True)
    await stopping.wait()
    print("down", flush=True)

anyio.run(lambda: run_until_stopped(body, grace_s=5))
"""


def test_a_process_that_is_told_to_stop_ends_with_zero() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    assert (rest, process.returncode) == ("down\n", 0)


# --- the watched loop ----------------------------------------------------------------------


def spin(seconds: float) -> None:
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


async def test_a_blocked_loop_is_told_with_its_gap() -> None:
    with anyio.fail_after(5), pytest.raises(AssertionError, match="blocked for"):
        async with responsive_loop(within_s=0.05):
            spin(0.12)


@pytest.mark.alone
async def test_work_on_a_thread_leaves_the_loop_free() -> None:
    with anyio.fail_after(10):
        async with responsive_loop(within_s=0.5) as heartbeat:
            await anyio.to_thread.run_sync(spin, 0.05)
    assert heartbeat.beats > 0
    assert heartbeat.worst_s < 0.5


async def test_a_failing_block_keeps_its_own_error() -> None:
    async def failing() -> None:
        async with responsive_loop(within_s=0.01):
            spin(0.05)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await failing()


# --- clocks --------------------------------------------------------------------------------


def test_the_system_clock_tells_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    assert clock.now() == EPOCH
    clock.advance(timedelta(hours=1))
    assert clock.now() == EPOCH + timedelta(hours=1)
    clock.set(datetime(2027, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2027, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    naive = datetime(2027, 1, 1)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="timezone-aware"):
        clock.set(naive)
    with pytest.raises(ValueError, match="timezone-aware"):
        ManualClock(naive)
