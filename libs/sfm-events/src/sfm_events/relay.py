"""From the log of the record store to the topic: what was committed is published."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final, final

import anyio

from sfm_core.errors import InvalidInput, Misconfigured, SfmError, TooLarge, Unavailable
from sfm_core.offload import off_loop
from sfm_core.ports import Clock, NoTelemetry, Outbox, Telemetry
from sfm_core.ports.outbox import Unsent
from sfm_core.runtime.clock import SystemClock
from sfm_events.backoff import Backoff
from sfm_events.codec import encode, key_of
from sfm_events.health import READY, Health
from sfm_events.listening import Deaf, Ear, Listening
from sfm_events.ports import Headers, Message, Producer
from sfm_events.writing import from_log

log = logging.getLogger(__name__)

TRACE_HEADER: Final = "traceparent"
_INLINE_EVENTS: Final = 8
"""More are encoded on a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPolicy:
    batch: int = 500
    """Events of one claim."""
    poll_s: float = 0.5
    """How often it looks for what other processes wrote."""
    publish_s: float = 20.0
    """What one batch may take: a claim is a transaction, and servers end those that wait long."""
    first_backoff_s: float = 0.2
    max_backoff_s: float = 5.0
    backlog_every_s: float = 5.0


@final
class Relay:
    """Publishes unsent events, in order per memory, at least once each.

    Any number may run at once, in any processes. While the transport is away nothing is lost and
    no write is refused: events stay in the log, and the gauges of the outbox grow.

    An event that no transport can take (larger than any message) is passed over with an error in
    the log, so that it does not hold up all others; the state it tells of is in the record store.
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
        self._producer = producer
        self._topic = topic
        self._listening = listening or (lambda: nullcontext(Deaf()))
        self._policy = policy or RelayPolicy()
        self._clock = clock or SystemClock()
        self._telemetry = telemetry or NoTelemetry()
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
        while done := await self._outbox.relay(self._publish, limit=self._policy.batch):
            swept += done
        return swept

    async def _turn(self, ear: Ear, stopping: anyio.Event) -> None:
        ear.reset()
        try:
            done = await self._outbox.relay(self._publish, limit=self._policy.batch)
        except (Unavailable, Misconfigured, InvalidInput) as error:
            self._ill(error)
            with anyio.move_on_after(self._backoff.following()):
                await stopping.wait()
            return
        self._well()
        if done < self._policy.batch:
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

    async def _publish(self, unsent: Sequence[Unsent]) -> None:
        messages = await off_loop(
            lambda: [self._message(one) for one in unsent], when=len(unsent) > _INLINE_EVENTS
        )
        sendable = [message for message in messages if message is not None]
        with anyio.move_on_after(self._policy.publish_s) as limit:
            await self._send(sendable)
        if limit.cancelled_caught:
            raise Unavailable("the transport did not take the events in time")
        self._telemetry.count("outbox_relayed_total", len(sendable))

    async def _send(self, messages: Sequence[Message]) -> None:
        try:
            await self._producer.send(messages)
        except TooLarge:
            if len(messages) == 1:
                self._refused(messages[0].key.decode(), "larger than any message")
                return
            for message in messages:
                await self._send([message])

    def _message(self, one: Unsent) -> Message | None:
        event = from_log(one.event, one.generation)
        try:
            value = encode(event)
        except InvalidInput as error:
            self._refused(str(event.id), error.detail)
            return None
        headers: Headers = () if one.trace is None else ((TRACE_HEADER, one.trace.encode()),)
        return Message(topic=self._topic, key=key_of(event), value=value, headers=headers)

    def _refused(self, memory: str, why: str) -> None:
        self._telemetry.count("outbox_refused_total")
        log.error("relay.refused", extra={"memory": memory, "reason": why[:200]})

    async def _watch_backlog(self) -> None:
        while True:
            try:
                self._unsent, since = await self._outbox.backlog()
            except SfmError:
                self._unsent = self._oldest_age_s = None
            else:
                now = self._clock.now()
                self._oldest_age_s = (
                    0.0 if since is None else max(0.0, (now - since).total_seconds())
                )
            await anyio.sleep(self._policy.backlog_every_s)

    def _ill(self, error: SfmError) -> None:
        if self._health.ready:
            log.warning("relay.waiting", extra={"kind": error.kind, "detail": error.detail})
        self._health = Health(ready=False, detail=error.detail)

    def _well(self) -> None:
        self._backoff.reset()
        if not self._health.ready:
            log.info("relay.recovered")
        self._health = READY
