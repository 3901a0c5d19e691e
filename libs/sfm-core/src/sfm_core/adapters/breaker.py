"""A circuit breaker: after failures in a row nobody waits, but for one now and then who tries."""

from collections.abc import Callable
from typing import Final, final

from sfm_core.errors import Unavailable

FAILURES: Final = 3
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 8.0


@final
class Breaker:
    """Closed: calls pass. Open: none does, for a pause that doubles. Half-open: one may try."""

    def __init__(self, now_s: Callable[[], float], *, of: str) -> None:
        """`of`: whose it is, for the message."""
        self._now_s = now_s
        self._of = of
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def enter(self) -> None:
        """Ask to make a call, which is followed by `succeeded`, `failed` or `left`.

        Raises:
            Unavailable: not now.
        """
        if self._open_until is None:
            return
        if self._trying or self._now_s() < self._open_until:
            raise Unavailable(f"{self._of} is passed by: it did not answer")
        self._trying = True

    def succeeded(self) -> None:
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until = None
        self._trying = False

    def left(self) -> None:
        """The caller went away before the outcome was known."""
        self._trying = False

    def failed(self) -> None:
        self._failures += 1
        if self._trying:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        elif self._open_until is not None or self._failures < FAILURES:
            return
        self._trying = False
        self._open_until = self._now_s() + self._pause_s
