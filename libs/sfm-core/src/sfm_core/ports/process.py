"""Time, owned work, and where it is told how long things took."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from sfm_core.model import LinkRow, Sample

type Shown = tuple[Sequence[Sample], Sequence[LinkRow]]
"""What the views are to learn of a change that is no write of memories."""


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

    def start(self, job: Callable[[], Awaitable[object]]) -> None:
        """Begin a job that nobody waits for; it runs to its end, and what it raises is logged.

        Raises:
            Unavailable: the process is stopping, or too much goes on: nothing was begun.
        """
        ...


class Committer(Protocol):
    """Lets changes that are no writes of memories happen as those do."""

    async def generation(self, namespace: str) -> int:
        """Which life of the namespace it is, for a change that begins now.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    async def put[T](
        self,
        namespace: str,
        write: Callable[[], Awaitable[T]],
        shown: Callable[[T], Shown],
        *,
        generation: int,
    ) -> T:
        """What `write` gives, which is to refuse another generation than this one.

        It is a job. When it is done the followers of the namespace's log are woken, and what
        `shown` makes of it is shown to the views, unless the namespace was erased since.

        Raises:
            Unavailable: the process is stopping; and what `write` raises.
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
