"""From a source to a handler: at least once, in order, and nothing committed before its effect."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import final

import anyio

from sfm_core.errors import InvalidInput, SfmError
from sfm_core.ports import Clock, NoTelemetry, Telemetry
from sfm_core.runtime.clock import SystemClock
from sfm_events.burying import write_letters
from sfm_events.dead_letters import dead_letter
from sfm_events.failures import essence, is_outage
from sfm_events.health import READY, Health
from sfm_events.judging import Place, decoded, place_of
from sfm_events.patience import Patience
from sfm_events.policy import LoopPolicy
from sfm_events.ports import (
    Delivered,
    Handler,
    Message,
    Partition,
    Poison,
    Producer,
    Record,
    Source,
)
from sfm_events.settling import Settling

log = logging.getLogger(__name__)


class _Halted(Exception):
    """Too many dead letters, or one that cannot be written: an operator has to look."""


@final
class ConsumerLoop:
    """Feeds a handler from a source until told to stop.

    An outage (`is_outage`, of the handler, the source or the dead-letter topic) keeps what is in
    hand, pauses the source and tries again, for as long as it takes. What can never succeed is
    found by halving (`Settling`) and goes to the dead-letter topic with its reason, while what is
    good goes on. Any other exception of the handler is taken for poison: a bug that one record
    brings out must not stop all others. After `dlq_limit` dead letters in a row the loop halts: it
    keeps its partitions, commits nothing more, and is not ready until it is started anew.

    Holds one fetch of records at a time.
    """

    def __init__(
        self,
        *,
        name: str,
        source: Source,
        handler: Handler,
        producer: Producer,
        policy: LoopPolicy | None = None,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`name`: of the consumer, in metrics and dead letters; `producer`: for dead letters."""
        self._name = name
        self._source = source
        self._handler = handler
        self._producer = producer
        self._policy = policy or LoopPolicy()
        self._clock = clock or SystemClock()
        self._telemetry = telemetry or NoTelemetry()
        self._patience = Patience(name, source, self._policy, self._telemetry)
        self._committing: dict[Partition, int] = {}
        """Done, and not committed yet."""
        self._dead_in_a_row = 0
        self._lag: int | None = None
        self._lags_due = 0.0

    @property
    def health(self) -> Health:
        return self._patience.health

    @property
    def lag(self) -> int | None:
        """Records that were not fetched yet, as last asked; None: never, or the source is away."""
        return self._lag

    async def run(self, stopping: anyio.Event) -> None:
        """Go on until `stopping` is set; then finish the batch in hand, within `drain_s`."""
        self._patience.health = READY
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:
                tasks.start_soon(self._end, stopping, scope)
                try:
                    while not stopping.is_set():
                        await self._turn(stopping)
                except _Halted as halt:
                    await self._patience.stand_still(str(halt), stopping)
                else:
                    await self._commit()
            if scope.cancelled_caught:
                log.warning("consumer.cut", extra={"consumer": self._name})
            tasks.cancel_scope.cancel()
        self._patience.health = Health(ready=False, detail="stopped")

    async def _end(self, stopping: anyio.Event, scope: anyio.CancelScope) -> None:
        await stopping.wait()
        scope.deadline = anyio.current_time() + self._policy.drain_s

    async def _turn(self, stopping: anyio.Event) -> None:
        try:
            await self._look_at_lags()
            fetched = await self._source.fetch(
                limit=self._policy.max_records, wait_s=self._policy.poll_s
            )
        except SfmError as error:
            await self._patience.wait_out(error, "source", stopping)
            return
        for batch in self._batches(fetched):
            if stopping.is_set() or not await self._settle(batch, stopping):
                return
        if await self._commit():
            self._patience.well()

    def _batches(self, fetched: Mapping[Partition, Sequence[Record]]) -> Iterator[Sequence[Record]]:
        """What was fetched, in parts of at most `max_bytes`."""
        batch: list[Record] = []
        size = 0
        for record in (record for records in fetched.values() for record in records):
            bytes_ = len(record.value or b"")
            if batch and size + bytes_ > self._policy.max_bytes:
                yield batch
                batch, size = [], 0
            batch.append(record)
            size += bytes_
        if batch:
            yield batch

    async def _settle(self, batch: Sequence[Record], stopping: anyio.Event) -> bool:
        """Handle or bury every record; false when a stop came first, in an outage."""
        delivered, dead = await decoded(batch)
        done: set[Place] = set()
        settling = Settling(delivered)
        whole = True
        while whole:
            settling.drop({r.partition for r in batch} - set(self._source.owned()))
            if settling.is_done:
                break
            whole = await self._try(settling, done, dead, stopping)
        if whole:
            whole = await self._bury(batch, dead, done, stopping)
        self._note(batch, done)
        await self._commit()
        return whole

    async def _try(
        self,
        settling: Settling,
        done: set[Place],
        dead: dict[Place, str],
        stopping: anyio.Event,
    ) -> bool:
        """One call of the handler; false when a stop came while it could not do its work."""
        tried = settling.following()
        try:
            await self._handle(tried)
        except Exception as error:  # noqa: BLE001 - at the border to the dead letters, none is let through
            return await self._failed(settling, essence(error), dead, stopping)
        done.update(place_of(one.record) for one in settling.handled())
        self._patience.well()
        return True

    async def _failed(
        self, settling: Settling, error: Exception, dead: dict[Place, str], stopping: anyio.Event
    ) -> bool:
        """As `_try`, of which it is the end."""
        if isinstance(error, SfmError) and is_outage(error):
            await self._patience.wait_out(error, "handler", stopping)
            return not stopping.is_set()
        if isinstance(error, Poison):
            poison = error
        elif isinstance(error, SfmError):
            poison = Poison(f"{error.kind}: {error.detail}")
        else:
            log.error("consumer.crashed", exc_info=error, extra={"consumer": self._name})
            poison = Poison(f"crash: {type(error).__name__}")
        self._patience.failed("poison")
        for one, why in settling.poisoned(poison):
            dead[place_of(one.record)] = why
        return True

    async def _handle(self, tried: Sequence[Delivered]) -> None:
        start, outcome = perf_counter(), "crash"
        try:
            await self._handler.handle(tried)
            outcome = "ok"
        except SfmError as error:
            outcome = error.kind
            raise
        finally:
            took = perf_counter() - start
            labels = {"consumer": self._name}
            self._telemetry.observe("consumer_batch_records", len(tried), **labels)
            self._telemetry.observe("consumer_handle_seconds", took, outcome=outcome, **labels)
        self._telemetry.count("consumer_handled_total", len(tried), **labels)
        now = self._clock.now()
        for one in tried:
            if one.event.is_canonical:
                lag_s = max(0.0, (now - one.event.at).total_seconds())
                self._telemetry.observe("consumer_lag_seconds", lag_s, **labels)

    async def _bury(
        self,
        batch: Sequence[Record],
        dead: Mapping[Place, str],
        done: set[Place],
        stopping: anyio.Event,
    ) -> bool:
        """Write the dead letters of a batch; false when a stop came before it was possible.

        Raises:
            _Halted: there are too many in a row, or one is refused, cut short as well.
        """
        letters: list[Message] = []
        in_a_row = self._dead_in_a_row
        now = self._clock.now()
        for record in batch:
            why = dead.get(place_of(record))
            if why is None:
                in_a_row = 0
                continue
            if in_a_row >= self._policy.dlq_limit:
                break
            in_a_row += 1
            letters.append(dead_letter(record, why, consumer=self._name, at=now))
            self._tell_of(record, why)
        while letters and not await self._send(letters, stopping):
            if stopping.is_set():
                return False
        if in_a_row >= self._policy.dlq_limit and len(letters) < len(dead):
            raise _Halted(f"{in_a_row} records in a row could not be handled")
        self._dead_in_a_row = in_a_row
        done.update(dead)
        return True

    async def _send(self, letters: Sequence[Message], stopping: anyio.Event) -> bool:
        try:
            await write_letters(self._producer, letters)
        except InvalidInput as error:
            raise _Halted(f"a dead letter is refused: {error.detail}") from error
        except SfmError as error:
            await self._patience.wait_out(error, "dead letters", stopping)
            return False
        self._telemetry.count("consumer_dead_lettered_total", len(letters), consumer=self._name)
        return True

    def _note(self, batch: Sequence[Record], done: set[Place]) -> None:
        """Of each partition, what may be committed: up to the first that is not done."""
        stuck: set[Partition] = set()
        for record in batch:
            if record.partition in stuck:
                continue
            if place_of(record) in done:
                self._committing[record.partition] = record.offset + 1
            else:
                stuck.add(record.partition)

    async def _commit(self) -> bool:
        """Commit what is done; what could not be committed is tried again with the next.

        What is another member's now is for that one to commit.
        """
        owned = set(self._source.owned())
        for partition in self._committing.keys() - owned:
            del self._committing[partition]
        if not self._committing:
            return True
        try:
            await self._source.commit(dict(self._committing))
        except SfmError as error:
            self._patience.ill(error, "commit")
            return False
        self._committing.clear()
        return True

    async def _look_at_lags(self) -> None:
        if anyio.current_time() < self._lags_due:
            return
        self._lags_due = anyio.current_time() + self._policy.lags_every_s
        self._lag = None
        self._lag = sum((await self._source.lags()).values())

    def _tell_of(self, record: Record, why: str) -> None:
        log.warning(
            "consumer.dead_lettered",
            extra={
                "consumer": self._name,
                "topic": record.partition.topic,
                "partition": record.partition.number,
                "offset": record.offset,
                "reason": why[:200],
            },
        )
