"""The log's events as messages: in full, or abridged where that is too much for one."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import anyio

from sfm_core.errors import InvalidInput, TooLarge
from sfm_core.offload import off_loop
from sfm_core.ports import Telemetry
from sfm_core.ports.outbox import Unsent
from sfm_events.codec import encode, key_of
from sfm_events.event import MemoryEvent
from sfm_events.ports import Headers, Message, Producer
from sfm_events.writing import abridged, from_log

log = logging.getLogger(__name__)

TRACE_HEADER: Final = "traceparent"
NARROW_S: Final = 60.0
"""After which a size that was refused is tried again: somebody may have widened the topic."""
_INLINE_EVENTS: Final = 8
"""More are encoded on a thread."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    event: MemoryEvent
    message: Message


@final
class Post:
    """Sends what a claim of the outbox holds.

    Whoever goes by the state of the record store needs no more of an event than that it was. So
    what makes no event of ours in full, or is larger than its topic takes, is sent abridged; what
    cannot be sent even so is passed over with an error in the log.

    Once a topic has refused a message, those of its size are abridged before they are sent: a
    refusal costs a producer.
    """

    def __init__(self, producer: Producer, topic: str, telemetry: Telemetry) -> None:
        self._producer = producer
        self._topic = topic
        self._telemetry = telemetry
        self._refused: dict[bool, int] = {}
        """The least that was too large, in full (False) and abridged."""
        self._refused_until = 0.0

    async def send(self, unsent: Sequence[Unsent]) -> int:
        """Publish all, in order; how many were not passed over.

        Raises:
            Unavailable, InvalidInput: as `Producer.send`, but for what is too large.
        """
        parcels = await off_loop(
            lambda: [self._parcel(one) for one in unsent], when=len(unsent) > _INLINE_EVENTS
        )
        return await self._send([parcel for parcel in parcels if parcel is not None])

    async def _send(self, parcels: Sequence[_Parcel]) -> int:
        fitting = [one for one in map(self._fitting, parcels) if one is not None]
        if not fitting:
            return 0
        try:
            await self._producer.send([parcel.message for parcel in fitting])
        except TooLarge:
            if len(fitting) > 1:
                middle = len(fitting) // 2
                return await self._send(fitting[:middle]) + await self._send(fitting[middle:])
            self._learn(fitting[0])
            return await self._send(fitting)
        return len(fitting)

    def _parcel(self, one: Unsent) -> _Parcel | None:
        """The event in full, else abridged, else nothing: whatever the log holds."""
        headers: Headers = () if one.trace is None else ((TRACE_HEADER, one.trace.encode()),)
        try:
            event = from_log(one.event, one.generation)
            try:
                return self._packed(event, headers)
            except InvalidInput:
                return self._packed(abridged(event), headers)
        except Exception as error:  # noqa: BLE001 - of one row: the others go out
            why = error.detail if isinstance(error, InvalidInput) else type(error).__name__
            self._pass_over(str(one.event.memory_id), why)
            return None

    def _fitting(self, parcel: _Parcel) -> _Parcel | None:
        if not self._is_refused(parcel):
            return parcel
        if not parcel.event.abridged:
            parcel = self._packed(abridged(parcel.event), parcel.message.headers)
            if not self._is_refused(parcel):
                return parcel
        self._pass_over(str(parcel.event.id), "larger than its topic takes")
        return None

    def _packed(self, event: MemoryEvent, headers: Headers) -> _Parcel:
        value = encode(event)
        message = Message(topic=self._topic, key=key_of(event), value=value, headers=headers)
        return _Parcel(event, message)

    def _is_refused(self, parcel: _Parcel) -> bool:
        if self._refused and anyio.current_time() > self._refused_until:
            self._refused.clear()
        least = self._refused.get(parcel.event.abridged)
        return least is not None and _size(parcel.message) >= least

    def _learn(self, parcel: _Parcel) -> None:
        size = _size(parcel.message)
        if not self._refused:
            log.warning("relay.narrow_topic", extra={"topic": self._topic, "bytes": size})
            self._refused_until = anyio.current_time() + NARROW_S
        self._refused[parcel.event.abridged] = size

    def _pass_over(self, memory: str, why: str) -> None:
        self._telemetry.count("outbox_refused_total")
        log.error("relay.refused", extra={"memory": memory, "reason": why[:200]})


def _size(message: Message) -> int:
    return len(message.value) + sum(len(value) for _, value in message.headers)
