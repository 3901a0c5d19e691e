"""The change feed of a process: polled again and again, and at once when somebody asks."""

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final, NoReturn, final

import anyio

from sfm_core.errors import SfmError, Unavailable
from sfm_core.ports import Telemetry

_LOG: Final = logging.getLogger(__name__)


@final
class Polling:
    """Runs `poll` every `pause_s`; nothing that goes wrong in it ends that."""

    def __init__(
        self, poll: Callable[[], Awaitable[None]], *, pause_s: float, telemetry: Telemetry
    ) -> None:
        self._poll = poll
        self._pause_s = pause_s
        self._telemetry = telemetry
        self._begun = self._ended = 0
        self._polled = anyio.Condition()
        self._wanted = anyio.Event()
        self._failure: SfmError | None = None
        self._polled_at = perf_counter()

    @property
    def healthy(self) -> bool:
        """Whether the last poll succeeded."""
        return self._failure is None

    @property
    def age_s(self) -> float:
        """Seconds since a poll last succeeded."""
        return perf_counter() - self._polled_at

    async def refresh(self) -> None:
        """Return once a poll that began after this call is through.

        Raises:
            Unavailable: the feed does not answer.
        """
        async with self._polled:
            wanted = self._begun + 1
            self._wanted.set()
            while self._ended < wanted:
                await self._polled.wait()
            if self._failure is not None:
                raise self._failure

    async def run(self) -> NoReturn:
        """A task of its own."""
        while True:
            with anyio.move_on_after(self._pause_s):
                await self._wanted.wait()
            self._wanted = anyio.Event()
            self._begun += 1
            started = perf_counter()
            failure = await self._once()
            self._telemetry.observe("feed_poll_seconds", perf_counter() - started)
            async with self._polled:
                self._ended, self._failure = self._begun, failure
                if failure is None:
                    self._polled_at = perf_counter()
                self._polled.notify_all()
            if failure is not None:
                await anyio.sleep(self._pause_s)

    async def _once(self) -> SfmError | None:
        """Why the poll failed, if it did."""
        try:
            await self._poll()
        except SfmError as error:
            if not error.retriable:
                _LOG.exception("feed.failed")
            return error
        except Exception:  # noqa: BLE001 - the feed goes on for the other namespaces
            _LOG.exception("feed.failed")
            return Unavailable("the change feed cannot be read")
        return None
