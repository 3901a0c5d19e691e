import anyio
import anyio.lowlevel
import pytest

from sfm_core.errors import Unavailable
from sfm_core.owned import OwnedJobs, owned_tasks


async def raising(error: Exception, *, in_a_task: bool) -> None:
    async def crash() -> None:
        raise error

    async with owned_tasks() as tasks:
        tasks.start_soon(crash if in_a_task else anyio.sleep_forever)
        if in_a_task:
            await anyio.sleep_forever()
        raise error


@pytest.mark.parametrize("in_a_task", [True, False])
async def test_an_error_of_the_block_or_of_a_task_comes_out_as_it_is(in_a_task: bool) -> None:
    with anyio.fail_after(5), pytest.raises(KeyError, match="mine"):
        await raising(KeyError("mine"), in_a_task=in_a_task)


async def test_the_tasks_end_with_the_block() -> None:
    ended = anyio.Event()

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    with anyio.fail_after(5):
        async with owned_tasks() as tasks:
            tasks.start_soon(work)
            await anyio.lowlevel.checkpoint()
        assert ended.is_set()


async def test_a_cancelled_caller_is_cancelled() -> None:
    with anyio.move_on_after(0) as scope:
        async with owned_tasks() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_jobs_whose_callers_left_still_count_and_one_too_many_is_refused() -> None:
    release = anyio.Event()
    with anyio.fail_after(5):
        async with OwnedJobs.open(limit=3) as jobs:
            for _ in range(3):
                async with anyio.create_task_group() as callers:
                    callers.start_soon(jobs.run, release.wait)
                    await anyio.wait_all_tasks_blocked()
                    callers.cancel_scope.cancel()
            with pytest.raises(Unavailable, match="too many"):
                await jobs.run(anyio.lowlevel.checkpoint)
            release.set()
            await anyio.wait_all_tasks_blocked()
            await jobs.run(anyio.lowlevel.checkpoint)
