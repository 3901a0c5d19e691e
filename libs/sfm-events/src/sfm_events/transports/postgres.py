"""The record store's log as a transport: no other server, one member of a group at a time."""

import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Final, final
from uuid import uuid4

import anyio
import anyio.lowlevel

from sfm_core.errors import SfmError
from sfm_core.jsontext import dumps
from sfm_core.offload import off_loop
from sfm_core.owned import owned_tasks
from sfm_core.ports import LogGroups
from sfm_core.ports.outbox import Unsent
from sfm_events.codec import key_of
from sfm_events.dead_letters import said_in
from sfm_events.listening import Deaf, Ear, Listening
from sfm_events.ports import Message, Partition, Record
from sfm_events.posting import TRACE_HEADER
from sfm_events.writing import document_of, from_log

log = logging.getLogger(__name__)

LOG: Final = Partition("memory_events", 0)
"""All there is to read; an offset is a position of the log."""
LEAVE_S: Final = 2.0
"""Longest wait for leaving the group in order."""
_BEATS: Final = 3
"""How often a member is heard of in a session."""
_INLINE_EVENTS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPolicy:
    session_s: float = 10.0
    """So long a member may be silent before another takes over."""
    poll_s: float = 0.25
    """How often it looks for what other processes wrote."""


@final
class PostgresTransport:
    """Sources over the log, each a member of its group."""

    def __init__(
        self,
        groups: LogGroups,
        *,
        listening: Listening | None = None,
        policy: ReaderPolicy | None = None,
    ) -> None:
        """`listening` opens an ear for the commits of this process; None: it polls only."""
        self._groups = groups
        self._listening = listening or (lambda: nullcontext(Deaf()))
        self._policy = policy or ReaderPolicy()

    @asynccontextmanager
    async def source(self, group: str) -> AsyncGenerator["PostgresSource"]:
        """A member of the group, which it leaves in order at the end of the block."""
        with self._listening() as ear:
            source = PostgresSource(self._groups, group, ear, self._policy)
            try:
                async with owned_tasks() as tasks:
                    tasks.start_soon(source.live)
                    yield source
            finally:
                with anyio.move_on_after(LEAVE_S, shield=True), suppress(SfmError):
                    await source.leave()

    @asynccontextmanager
    async def producer(self) -> AsyncGenerator["NotedLetters"]:
        """For dead letters."""
        yield NotedLetters()


@final
class PostgresSource:
    """Implements `Source` over `LogGroups`.

    While `live` runs, the member is heard of however long the handling of a batch takes. One that
    is silent for longer than its session loses the log to the next that asks, and learns of it
    when it is heard of again or commits: its commits are refused from then on.
    """

    def __init__(self, groups: LogGroups, group: str, ear: Ear, policy: ReaderPolicy) -> None:
        self._groups = groups
        self._group = group
        self._ear = ear
        self._policy = policy
        self._member = uuid4()
        self._after: int | None = None
        """The last position given; None: another member reads."""
        self._renew_at = 0.0
        self._is_paused = False

    async def fetch(self, *, limit: int, wait_s: float) -> Mapping[Partition, Sequence[Record]]:
        until = anyio.current_time() + wait_s
        while True:
            self._ear.reset()
            await self._be_heard()
            records = await self._read(limit)
            left = until - anyio.current_time()
            if records or left <= 0:
                return {LOG: records} if records else {}
            await self._ear.wait(min(left, self._policy.poll_s))

    async def commit(self, nexts: Mapping[Partition, int]) -> Collection[Partition]:
        lost = set(nexts) - {LOG}
        if LOG in nexts and not await self._groups.commit(
            self._group, self._member, nexts[LOG] - 1
        ):
            self._lose()
            lost.add(LOG)
        return lost

    def owned(self) -> Collection[Partition]:
        return () if self._after is None else (LOG,)

    def pause(self, partitions: Collection[Partition]) -> None:
        if LOG in partitions and self._after is not None:
            self._is_paused = True

    def resume(self, partitions: Collection[Partition]) -> None:
        if LOG in partitions:
            self._is_paused = False

    def rewind(self, partition: Partition, offset: int) -> None:
        if partition == LOG and self._after is not None:
            self._after = offset - 1

    async def lags(self) -> Mapping[Partition, int]:
        if self._after is None:
            return {}
        return {LOG: await self._groups.behind(self._after)}

    async def live(self) -> None:
        """Let it be known that this member lives; for as long as it does."""
        while True:
            await anyio.sleep(self._policy.session_s / _BEATS)
            if self._after is not None:
                with suppress(SfmError):  # who fetches or commits will hear of it
                    await self._claim()

    async def leave(self) -> None:
        """Let another member read at once."""
        if self._after is not None:
            self._lose()
            await self._groups.release(self._group, self._member)

    async def _be_heard(self) -> None:
        """Take the log when it is free, and say now and then that this member lives."""
        if self._after is not None and anyio.current_time() < self._renew_at:
            return
        position = await self._claim()
        if position is not None and self._after is None:
            self._after, self._is_paused = position, False

    async def _claim(self) -> int | None:
        now = anyio.current_time()
        position = await self._groups.claim(
            self._group, self._member, session_s=self._policy.session_s
        )
        if position is None:
            self._lose()
        self._renew_at = now + self._policy.session_s / _BEATS
        return position

    async def _read(self, limit: int) -> Sequence[Record]:
        if self._after is None or self._is_paused:
            return ()
        found = await self._groups.read(after=self._after, limit=limit)
        if not found:
            return ()
        records = await off_loop(
            lambda: [_record(one) for one in found], when=len(found) > _INLINE_EVENTS
        )
        if not self.owned():  # any more
            return ()
        self._after = records[-1].offset
        return records

    def _lose(self) -> None:
        self._after = None


@final
class NotedLetters:
    """A `Producer` for the dead letters of this transport, which writes each to the process's log.

    The record itself stays where it was read, in the record store: nothing is lost with it.
    """

    async def send(self, messages: Sequence[Message]) -> None:
        await anyio.lowlevel.checkpoint()
        for message in messages:
            said = said_in(message.headers)
            log.error(
                "consumer.letter_noted",
                extra={"position": said.get("offset"), "reason": said.get("reason", "")[:200]},
            )


def _record(one: Unsent) -> Record:
    event = from_log(one.event, one.generation)
    return Record(
        partition=LOG,
        offset=one.event.position,
        key=key_of(event),
        value=dumps(document_of(event)),
        headers=() if one.trace is None else ((TRACE_HEADER, one.trace.encode()),),
        at=one.event.at,
    )
