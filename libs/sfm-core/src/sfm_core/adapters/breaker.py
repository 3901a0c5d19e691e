"""A circuit breaker: after failures in a row nobody waits, but for one now and then who tries."""

from collections.abc import Callable
from typing import Final, final

from sfm_core.errors import Unavailable

FAILURES: Final = 3
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 8.0


type Ticket = int
"""Of one call: who brings an old one back says nothing of what came after it."""


@final
class Breaker:
    """Closed: calls pass. Open: none does, for a pause that doubles. Half-open: one may try.

    A call that was let in before it opened does not end the try of another by failing late;
    by an answer it does, as then somebody is there.
    """

    def __init__(self, now_s: Callable[[], float], *, of: str) -> None:
        """`of`: whose it is, for the message."""
        self._now_s = now_s
        self._of = of
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until: float | None = None
        self._phase: Ticket = 0
        self._trial: Ticket | None = None

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    @property
    def passes(self) -> bool:
        """Whether `enter` would let a call in now."""
        if self._open_until is None:
            return True
        return self._trial is None and self._now_s() >= self._open_until

    def enter(self) -> Ticket:
        """Ask to make a call, which is followed by `succeeded`, `failed` or `left`.

        Raises:
            Unavailable: not now.
        """
        if not self.passes:
            raise Unavailable(f"{self._of} is passed by: it did not answer")
        if self._open_until is not None:
            self._phase += 1
            self._trial = self._phase
        return self._phase

    def succeeded(self) -> None:
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until = None
        self._trial = None

    def left(self, ticket: Ticket) -> None:
        """The caller went away before the outcome was known."""
        if ticket == self._trial:
            self._trial = None

    def failed(self, ticket: Ticket) -> None:
        if ticket != self._phase:
            return
        if self._trial is not None:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        else:
            self._failures += 1
            if self._failures < FAILURES:
                return
        self._phase += 1
        self._trial = None
        self._open_until = self._now_s() + self._pause_s
