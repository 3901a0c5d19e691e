"""Small stand-ins for tests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, final

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.model import F32, EmbedderInfo, LinkRow, Sample, ViewRow
from sfm_core.runtime.metric_names import MetricKind
from sfm_core.runtime.metrics import checked

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


@final
class ManualClock:
    """A `ports.Clock` that moves only when told."""

    def __init__(self, start: datetime = EPOCH) -> None:
        if start.tzinfo is None:
            raise ValueError("the start must be timezone-aware")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on (or back, to play a clock that was corrected)."""
        self._now += by

    def set(self, to: datetime) -> None:
        if to.tzinfo is None:
            raise ValueError("the time must be timezone-aware")
        self._now = to.astimezone(UTC)


@final
class RecordingTelemetry:
    """A `ports.Telemetry` that keeps what it is told, as (name, value, labels).

    Raises `ValueError` for what `metric_names` does not list, as the real one does.
    """

    def __init__(self) -> None:
        self.observed: list[tuple[str, float, Mapping[str, str]]] = []
        self.counted: list[tuple[str, float, Mapping[str, str]]] = []

    def observe(self, name: str, value: float, **labels: str) -> None:
        checked(name, MetricKind.HISTOGRAM, labels)
        self.observed.append((name, value, labels))

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        checked(name, MetricKind.COUNTER, labels)
        self.counted.append((name, amount, labels))


@final
class InlineJobs:
    """A `ports.Jobs` for tests in which nobody is cancelled: the caller does the job itself.

    What nobody waits for is done when `finish` is called.
    """

    def __init__(self) -> None:
        self.started: list[Callable[[], Awaitable[object]]] = []

    async def run[T](self, job: Callable[[], Awaitable[T]]) -> T:
        return await job()

    def start(self, job: Callable[[], Awaitable[object]]) -> None:
        self.started.append(job)

    async def finish(self) -> None:
        while self.started:
            await self.started.pop(0)()


@final
class NoViews:
    """A `ports.Applier` of a process that has no views."""

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        del namespace, rows, samples, links


class CountingEmbedder:
    """The hash embedder, and the texts that it was asked for."""

    def __init__(self) -> None:
        self._inner = HashEmbedder()
        self.texts: list[str] = []

    @property
    def info(self) -> EmbedderInfo:
        return self._inner.info

    async def embed(self, texts: Sequence[str]) -> F32:
        self.texts += texts
        return await self._inner.embed(texts)
