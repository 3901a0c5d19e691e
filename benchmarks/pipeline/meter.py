"""Time by the clock and of processors, of this process and of PostgreSQL below it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Self

import psutil


def spent(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """Seconds of processor time by process id."""
    found = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a backend that idled too long
            found[process.pid] = sum(process.cpu_times()[:2])
    return found


def postgres() -> list[psutil.Process]:
    """Its processes that run below this one."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if process.name() == "postgres"]


def _postgres_s() -> float:
    """Of all that run, and of those that ran and ended."""
    total = 0.0
    for process in postgres():
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


@dataclass(frozen=True, slots=True)
class Moment:
    wall_s: float
    own_s: float
    postgres_s: float

    @classmethod
    def now(cls) -> Self:
        return cls(perf_counter(), process_time(), _postgres_s())

    def since(self, before: "Moment") -> "Moment":
        """What went by."""
        return Moment(
            self.wall_s - before.wall_s,
            self.own_s - before.own_s,
            self.postgres_s - before.postgres_s,
        )

    def per(self, events: int) -> dict[str, float]:
        """Microseconds an event."""
        return {
            "wall_us": 1e6 * self.wall_s / events,
            "own_us": 1e6 * self.own_s / events,
            "postgres_us": 1e6 * self.postgres_s / events,
        }
