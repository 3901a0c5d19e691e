"""Places by key: how many hold one, who waits, and what is left behind."""

import anyio
import pytest

from sfm_core.adapters.postgres.shares import Shares
from sfm_core.errors import Unavailable


async def test_callers_of_one_key_wait_outside_and_others_do_not() -> None:
    shares = Shares[str](2, patience_s=30)
    inside: list[str] = []
    leave = anyio.Event()

    async def hold(key: str) -> None:
        async with shares.held(key):
            inside.append(key)
            await leave.wait()

    async with anyio.create_task_group() as tasks:
        for key in ("a", "a", "a", "b"):
            tasks.start_soon(hold, key)
        await anyio.wait_all_tasks_blocked()
        assert sorted(inside) == ["a", "a", "b"]
        leave.set()
    assert sorted(inside) == ["a", "a", "a", "b"]
    assert shares.keys == frozenset()


async def test_one_who_waited_in_vain_says_so_and_takes_no_place() -> None:
    shares = Shares[str](1, patience_s=0.01)
    async with shares.held("a"):
        with pytest.raises(Unavailable):
            async with shares.held("a"):
                raise AssertionError("there was no place")
        assert shares.keys == {"a"}
    async with shares.held("a"):
        pass
    assert shares.keys == frozenset()
