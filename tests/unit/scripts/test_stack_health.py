"""Waiting for the parts of a stack, and what is said of one that does not come up."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from scripts.stack.folder import StackFolder
from scripts.stack.health import until_ready
from scripts.stack.supervision import Running
from sfm_core.errors import Unavailable


class Programs:
    """A process manager whose programs have the pids that a test says."""

    def __init__(self, **pids: Iterator[int | None]) -> None:
        self._pids = pids

    def running(self) -> list[Running]:
        return [
            Running(name=name, pid=next(pids), state="RUNNING", said="up")
            for name, pids in self._pids.items()
        ]


def answering(*answers: bool) -> Callable[[], Awaitable[bool]]:
    """A probe with these answers, the last one for ever."""
    left = list(answers)

    async def probe() -> bool:
        return left.pop(0) if len(left) > 1 else left[0]

    return probe


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    made = StackFolder.of(tmp_path)
    made.make()
    made.log("api").write_text("\n".join(f"line {number}" for number in range(100)))
    return made


async def test_it_waits_for_all(folder: StackFolder) -> None:
    probes = {"api": answering(False, False, True), "kafka": answering(False, True)}
    programs = Programs(api=itertools.repeat(7), kafka=itertools.repeat(8))
    await until_ready(probes, programs, folder, within_s=30)


async def test_one_that_ends_again_and_again_is_said_at_once(folder: StackFolder) -> None:
    programs = Programs(api=itertools.count(1), kafka=itertools.repeat(None))
    probes = {"api": answering(False), "kafka": answering(False)}
    with pytest.raises(Unavailable, match="api does not start") as told:
        await until_ready(probes, programs, folder, within_s=30)
    assert "line 99" in told.value.detail
    assert "line 50" not in told.value.detail


async def test_one_that_is_late_is_named(folder: StackFolder) -> None:
    probes = {"kafka": answering(True), "api": answering(False)}
    programs = Programs(kafka=itertools.repeat(8), api=itertools.repeat(7))
    with pytest.raises(Unavailable, match=r"api is not ready after 0\.01 s"):
        await until_ready(probes, programs, folder, within_s=0.01)
