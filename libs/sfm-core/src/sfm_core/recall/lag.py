"""How late the feed of a process is."""

from collections.abc import Sequence
from time import perf_counter
from typing import final

from sfm_core.model import LinkRow, ViewRow
from sfm_core.ports import Clock, Telemetry


@final
class Lag:
    """Measures how long changes of other processes were committed before a view had them.

    By the times that the changes bear, but at most since the look before, which would have seen
    them: so neither imported times nor a long transaction count.
    """

    def __init__(self, clock: Clock, telemetry: Telemetry) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._looked_at = perf_counter()

    def looked(self, began: float) -> None:
        """A look that began then has been taken in (`perf_counter`)."""
        self._looked_at = began

    def taken(self, rows: Sequence[ViewRow]) -> None:
        """Some of these rows were news, and are in their view."""
        written = [row.updated_at for row in rows if row.updated_at is not None]
        if not written:
            return
        age_s = (self._clock.now() - min(written)).total_seconds()
        lag_s = min(age_s, perf_counter() - self._looked_at)
        self._telemetry.observe("feed_lag_seconds", max(0.0, lag_s))


def by_namespace[R: (ViewRow, LinkRow)](rows: Sequence[R]) -> dict[str, list[R]]:
    """The rows of each namespace, in order."""
    found: dict[str, list[R]] = {}
    for row in rows:
        found.setdefault(row.namespace, []).append(row)
    return found
