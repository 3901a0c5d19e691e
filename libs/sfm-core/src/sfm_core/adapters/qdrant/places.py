"""Places for calls to one server, and what their outcomes say of it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, final

import anyio

from sfm_core.adapters.breaker import Breaker, Ticket
from sfm_core.errors import Unavailable

CONNECTIONS: Final = 16
"""Calls that are under way at once; who comes when all are taken waits for a place."""
QUEUE_S: Final = 10.0
"""Longest wait for a place. It is no fault of the server's, and is not counted as one."""


@final
class Call:
    """One call that has a place: its outcome is told once."""

    def __init__(self, entered: Sequence[tuple[Breaker, Ticket]]) -> None:
        """The last of the breakers is the one that judges whether the answer is in time."""
        self._entered = entered

    def answered(self) -> None:
        for breaker, _ in self._entered:
            breaker.succeeded()

    def failed(self) -> None:
        for breaker, ticket in self._entered:
            breaker.failed(ticket)

    def ran_late(self) -> None:
        """No answer in time, which says nothing to those who would have waited for longer."""
        breaker, ticket = self._entered[-1]
        breaker.failed(ticket)
        for patient, other in self._entered[:-1]:
            patient.left(other)

    def left(self) -> None:
        """Cancelled, or a bug: says nothing of the server."""
        for breaker, ticket in self._entered:
            breaker.left(ticket)


@final
class Places:
    """Lets so many calls run at once, and none while the server does not answer.

    A call begins when it has its place: so the server is judged by its own time alone. Callers
    with less patience than the budget are judged by a breaker of their own besides, as an answer
    that is too slow for them may be in time for others.
    """

    def __init__(self, now_s: Callable[[], float], *, of: str) -> None:
        self._of = of
        self._breaker = Breaker(now_s, of=of)
        self._hurried = Breaker(now_s, of=of)
        self._limiter = anyio.CapacityLimiter(CONNECTIONS)

    @property
    def is_broken(self) -> bool:
        """True while calls are passed by, all or those in a hurry, because earlier ones failed."""
        return self._breaker.is_open or self._hurried.is_open

    @asynccontextmanager
    async def one(self, *, hurried: bool, wait_s: float) -> AsyncGenerator[Call]:
        """A place, once there is one; who waits looks at the breakers again before it begins.

        Raises:
            Unavailable: none in time, or the server is passed by.
        """
        breakers = [self._breaker, self._hurried] if hurried else [self._breaker]
        if not all(breaker.passes for breaker in breakers):
            raise Unavailable(f"{self._of} is passed by: it did not answer")
        try:
            with anyio.fail_after(wait_s):
                await self._limiter.acquire()
        except TimeoutError as error:
            raise Unavailable(f"too many calls wait for {self._of}") from error
        try:
            if not all(breaker.passes for breaker in breakers):
                raise Unavailable(f"{self._of} is passed by: it did not answer")
            yield Call([(breaker, breaker.enter()) for breaker in breakers])
        finally:
            self._limiter.release()
