"""From the log of the record store to the topic: what was committed is published."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import final

import anyio

from sfm_core.errors import SfmError, Unavailable
from sfm_core.ports import Clock, NoTelemetry, Outbox, Telemetry
from sfm_core.ports.outbox import Unsent
from sfm_core.runtime.clock import SystemClock
from sfm_events.backoff import Backoff
from sfm_events.health import READY, Health
from sfm_events.listening import Deaf, Ear, Listening
from sfm_events.ports import Producer
from sfm_events.posting import Post

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPolicy:
    batch: int = 500
    """Events of one claim."""
    poll_s: float = 0.5
    """How often it looks for what other processes wrote."""
    publish_s: float = 12.0
    """What one batch may take, from the claim on; less than `lease_s`."""
    lease_s: float = 20.0
    """After so long others publish what a relay claimed that is gone."""
    first_backoff_s: float = 0.2
    max_backoff_s: float = 5.0
    backlog_every_s: float = 5.0


@final
class Relay:
    """Publishes unsent events, in order per memory, at least once each.

    Any number may run at once, in any processes. While the transport is away nothing is lost and
    no write is refused: events stay in the log, and the gauges of the outbox grow.

    What cannot be told in full is told abridged or passed over (`Post`), so that it does not hold
    up all others; the state it tells of is in the record store. No error but a cancellation comes
    out of `run`: it backs off and is not ready.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        producer: Producer,
        topic: str,
        listening: Listening | None = None,
        policy: RelayPolicy | None = None,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`listening` opens an ear for the commits of this process; None: it polls only."""
        self._outbox = outbox
        self._listening = listening or (lambda: nullcontext(Deaf()))
        self._policy = policy or RelayPolicy()
        self._clock = clock or SystemClock()
        self._telemetry = telemetry or NoTelemetry()
        self._post = Post(producer, topic, self._telemetry)
        self._size = self._policy.batch
        self._backoff = Backoff(
            first_s=self._policy.first_backoff_s, most_s=self._policy.max_backoff_s
        )
        self._health = Health(ready=False, detail="not started")
        self._unsent: int | None = None
        self._oldest_age_s: float | None = None

    @property
    def health(self) -> Health:
        return self._health

    @property
    def unsent(self) -> int | None:
        """Events that wait, as last asked; None: unknown."""
        return self._unsent

    @property
    def oldest_age_s(self) -> float | None:
        """How long the first of them has waited; 0 when none does, None: unknown."""
        return self._oldest_age_s

    async def run(self, stopping: anyio.Event) -> None:
        """Publish until `stopping` is set; then what was committed by then, in one more go."""
        self._health = READY
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_backlog)
            with self._listening() as ear:
                while not stopping.is_set():
                    await self._turn(ear, stopping)
                if self._health.ready:
                    await self._turn(ear, stopping)
            tasks.cancel_scope.cancel()
        self._health = Health(ready=False, detail="stopped")

    async def sweep(self) -> int:
        """Publish all there is; how many there were.

        Raises:
            Unavailable: the record store or the transport does not answer; the rest stays.
        """
        swept = 0
        while done := await self._relay():
            swept += done
        return swept

    async def _turn(self, ear: Ear, stopping: anyio.Event) -> None:
        ear.reset()
        try:
            done = await self._relay()
        except Exception as error:  # noqa: BLE001 - whatever a row holds, the process goes on
            self._ill(error)
            with anyio.move_on_after(self._backoff.following()):
                await stopping.wait()
            return
        self._well()
        if not done:
            await self._rest(ear, stopping)

    async def _rest(self, ear: Ear, stopping: anyio.Event) -> None:
        """Until something was committed here, or it is time to look, or to stop."""
        async with anyio.create_task_group() as tasks:

            async def until_stopped() -> None:
                await stopping.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(until_stopped)
            await ear.wait(self._policy.poll_s)
            tasks.cancel_scope.cancel()

    async def _relay(self) -> int:
        """One claim; after one that failed the next is half as large, down to one event."""
        try:
            done = await self._outbox.relay(
                self._publish, limit=self._size, lease_s=self._policy.lease_s
            )
        except Exception:
            self._size = max(1, self._size // 2)
            raise
        self._size = min(self._policy.batch, self._size * 2)
        return done

    async def _publish(self, unsent: Sequence[Unsent]) -> None:
        with anyio.move_on_after(self._policy.publish_s) as limit:
            sent = await self._post.send(unsent)
        if limit.cancelled_caught:
            raise Unavailable("the transport did not take the events in time")
        self._telemetry.count("outbox_relayed_total", sent)

    async def _watch_backlog(self) -> None:
        while True:
            try:
                self._unsent, since = await self._outbox.backlog()
            except Exception as error:  # as in `_turn`
                if not isinstance(error, SfmError):
                    log.exception("relay.crashed")
                self._unsent = self._oldest_age_s = None
            else:
                now = self._clock.now()
                self._oldest_age_s = (
                    0.0 if since is None else max(0.0, (now - since).total_seconds())
                )
            await anyio.sleep(self._policy.backlog_every_s)

    def _ill(self, error: Exception) -> None:
        if isinstance(error, SfmError):
            kind, detail = str(error.kind), error.detail
        else:
            kind, detail = "crash", type(error).__name__
            log.error("relay.crashed", exc_info=error)
        if self._health.ready:
            log.warning("relay.waiting", extra={"kind": kind, "detail": detail})
        self._health = Health(ready=False, detail=detail)

    def _well(self) -> None:
        self._backoff.reset()
        if not self._health.ready:
            log.info("relay.recovered")
        self._health = READY
