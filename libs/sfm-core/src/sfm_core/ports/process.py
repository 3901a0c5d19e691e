"""Time, owned work, and where it is told how long things took."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, timezone-aware UTC."""
        ...


class Jobs(Protocol):
    """Where work is done that must end once it has begun."""

    async def run[T](self, job: Callable[[], Awaitable[T]]) -> T:
        """What the job gives or raises; it runs to its end whatever becomes of the caller.

        Raises:
            Unavailable: the process is stopping, nothing was begun.
        """
        ...


class Telemetry(Protocol):
    """Where the use-cases say how long things took; they know no metrics library."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Record one value, e.g. `observe("recall_stage_seconds", 0.003, stage="scan")`."""
        ...

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None: ...


class NoTelemetry:
    """Records nothing."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        del name, value, labels

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        del name, amount, labels
