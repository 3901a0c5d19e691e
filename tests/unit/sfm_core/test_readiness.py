"""Readiness: what counts, and how often it is asked."""

import anyio
import pytest

from sfm_core.runtime.readiness import Cached, Dependency, Readiness


def test_only_what_is_required_keeps_a_process_from_being_ready() -> None:
    up = Dependency(name="postgres", ok=True, required=True)
    optional = Dependency(name="redis", ok=False, required=False)
    down = Dependency(name="kafka", ok=False, required=True)
    assert Readiness(dependencies=[up, optional]).ready
    assert not Readiness(dependencies=[up, optional, down]).ready


async def test_many_probes_ask_once() -> None:
    asked, let = 0, anyio.Event()

    async def ask() -> Readiness:
        nonlocal asked
        asked += 1
        await let.wait()
        return Readiness(dependencies=[Dependency(name="x", ok=True, required=True)])

    cached = Cached(ask, max_age_s=60)
    answers: list[Readiness] = []

    async def probe() -> None:
        answers.append(await cached.get())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(probe)
            let.set()
    assert (asked, len(answers)) == (1, 5)


async def test_an_old_answer_is_asked_anew_and_a_failure_is_not_kept() -> None:
    outcomes: list[object] = [RuntimeError("no"), 1, 2]

    async def ask() -> object:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    cached = Cached(ask, max_age_s=-1)
    with pytest.raises(RuntimeError):
        await cached.get()
    assert [await cached.get(), await cached.get()] == [1, 2]
