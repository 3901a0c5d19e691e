"""Tests marked `alone` have the machine to themselves, also when a run uses every core.

Under pytest-xdist each test holds a lock while it runs, with the fixtures it opens: an ordinary
one shares it with the others, one marked `alone` does not. A second lock is the door to the
first: who waits for the machine keeps it shut, so that others cannot go before him for ever.
Such tests come first, when little else is under way. A serial run needs no lock.
"""

import fcntl
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy  # noqa: F401 - loads the library whose threads are limited
import pytest

from sfm_core.runtime.blas import one_thread_each

MOST_WORKERS: Final = 8
"""Each brings up servers of its own."""
_FOLDER: Final = "sfm_machine"
_SHARED: Final = pytest.StashKey[str]()
_MACHINE: Final = pytest.StashKey["Machine"]()


class Machine:
    """One worker's turns at the machine that the workers of a run share by two files."""

    def __init__(self, folder: Path) -> None:
        self._door = (folder / "door").open("ab")
        self._machine = (folder / "machine").open("ab")

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[None]:
        """Have it for the block, with others or `alone`; waits for as long as that takes.

        The system lets go of what a worker that was killed holds.
        """
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._machine, fcntl.LOCK_UN)

    def close(self) -> None:
        self._door.close()
        self._machine.close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` is here: one worker for each core that we may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(MOST_WORKERS, cores or 1)


def pytest_configure(config: pytest.Config) -> None:
    given: dict[str, str] | None = getattr(config, "workerinput", None)
    if given is not None:
        one_thread_each(os.environ)  # the workers use the cores; more threads only get in the way
        machine = Machine(Path(given[_FOLDER]))
        config.stash[_MACHINE] = machine
        config.add_cleanup(machine.close)
    elif config.getoption("numprocesses", None):
        folder = tempfile.TemporaryDirectory(prefix="sfm-test-")
        config.stash[_SHARED] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker, before it starts, where the files are."""
    node.workerinput[_FOLDER] = node.config.stash[_SHARED]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not _is_alone(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    machine = item.config.stash.get(_MACHINE, None)
    if machine is None:
        return (yield)
    with machine.held(alone=_is_alone(item)):
        return (yield)


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
