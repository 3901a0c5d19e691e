"""What the in-memory store holds, and the steps that the twins of other ports take over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sfm_core.adapters.inmemory_link_rows import LinkEntry, Name
from sfm_core.adapters.inmemory_rows import Row, erasure_of
from sfm_core.coordinates import Coordinate
from sfm_core.errors import KeyReused
from sfm_core.generations import FIRST, fence
from sfm_core.model import (
    CarriedSample,
    Event,
    EventType,
    JsonObject,
    LinkRow,
    Memory,
    Owed,
    Receipt,
    Sample,
    WriteOutcome,
)
from sfm_core.runtime.tracing import traceparent

_TICK: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class Space:
    """One namespace."""

    rows: dict[Coordinate, Row] = field(default_factory=dict)
    samples: list[tuple[int, Sample]] = field(default_factory=list)
    """(xid, sample) in log order."""
    receipts: dict[str, tuple[bytes, tuple[WriteOutcome, ...], datetime]] = field(
        default_factory=dict
    )
    events: list[Event] = field(default_factory=list)
    """In log order."""
    links: dict[Name, LinkEntry] = field(default_factory=dict)
    """Ended ones too."""
    position: int = 0
    brought: list[tuple[int, CarriedSample]] = field(default_factory=list)
    """Importances without events, with their positions."""
    generation: int = FIRST
    erased_xid: int = 0
    """Of the erasure it began with; 0: it was never erased."""
    owed: dict[UUID, tuple[Owed, datetime]] = field(default_factory=dict)
    """What is not in the vector index, and when it is due."""

    def copied(self) -> "Space":
        return Space(
            dict(self.rows),
            list(self.samples),
            dict(self.receipts),
            list(self.events),
            dict(self.links),
            self.position,
            list(self.brought),
            self.generation,
            self.erased_xid,
            dict(self.owed),
        )

    def outcomes_of(self, receipt: Receipt | None) -> tuple[WriteOutcome, ...] | None:
        """Those of the call that first came with this receipt; None when none did.

        Raises:
            KeyReused: its key came with another request.
        """
        if receipt is None or receipt.key not in self.receipts:
            return None
        fingerprint, outcomes, _ = self.receipts[receipt.key]
        if fingerprint != receipt.fingerprint:
            raise KeyReused(
                "this idempotency key came with another request", path="/idempotency-key"
            )
        return outcomes

    def keep(self, receipt: Receipt, outcomes: tuple[WriteOutcome, ...]) -> None:
        """Let the receipt's key stand for what its call did."""
        self.receipts[receipt.key] = (receipt.fingerprint, outcomes, datetime.now(UTC))

    def live(self) -> list[Row]:
        return [row for row in self.rows.values() if row.live]


_EMPTY: Final = Space()


@dataclass(slots=True)
class Sending:
    """What the twin of `Outbox` keeps beside the log, by position."""

    sent: set[int] = field(default_factory=set)
    claims: dict[UUID, tuple[frozenset[UUID], float]] = field(default_factory=dict)
    """Memories whose events are claimed, and until when."""
    traces: dict[int, str] = field(default_factory=dict)


class Spaces:
    """Every namespace of a store, and its log."""

    def __init__(self) -> None:
        self._spaces: dict[str, Space] = {}
        self._log = 0
        self._xid = 1
        self._last = datetime(1970, 1, 1, tzinfo=UTC)
        self._name = str(uuid4())
        self.marks_of_sending = Sending()

    def begin(self, namespace: str, generation: int | None = None) -> Space:
        """A copy of a namespace to write to; for the twins of other ports over this store.

        Raises:
            Conflict: the namespace is of another generation.
        """
        space = self._space(namespace)
        fence(generation, space.generation)
        return space.copied()

    def commit(self, namespace: str, space: Space) -> None:
        """Let `begin`'s copy take its place; in the same step of the event loop."""
        self._xid += 1
        self._spaces[namespace] = space

    def peek(self, namespace: str) -> Space:
        """A namespace as it is, not to be written to."""
        return self._space(namespace)

    def spaces(self) -> Sequence[str]:
        """The namespaces that were ever written to, sorted."""
        return sorted(self._spaces)

    def rows(self, namespace: str) -> Sequence[Row]:
        """Memories and tombstones; for the twins of other ports over this store."""
        return list(self._space(namespace).rows.values())

    def live(self, namespace: str) -> Sequence[Memory]:
        """The live memories of a namespace, the expired too."""
        return [row.memory for row in self._space(namespace).live()]

    def log(self, namespace: str) -> Sequence[Event]:
        """The events of a namespace by position; for the twins of other ports over this store."""
        return self._space(namespace).events

    def brought(self, namespace: str) -> Sequence[tuple[int, CarriedSample]]:
        """Importances without events by position; for the twin of `Archive`."""
        return self._space(namespace).brought

    def bring(
        self, namespace: str, samples: Sequence[CarriedSample], generation: int | None
    ) -> Sequence[Sample]:
        """`Archive.keep_samples`."""
        space = self.begin(namespace, generation)
        known = {(event.coordinate, event.version) for event in space.events}
        known |= {(sample.coordinate, sample.version) for _, sample in space.brought}
        kept: list[Sample] = []
        for sample in samples:
            if (sample.coordinate, sample.version) in known:
                continue
            known.add((sample.coordinate, sample.version))
            self._log += 1
            space.brought.append((self._log, sample))
            kept.append(Sample(position=self._log, importance=sample.importance))
            space.samples.append((self._xid, kept[-1]))
        self._xid += 1
        self._spaces[namespace] = space
        return kept

    def old_receipts(self, before: datetime) -> int:
        """`ReceiptStore.old_receipts`."""
        receipts = (one for space in self._spaces.values() for one in space.receipts.values())
        return sum(at < before for _, _, at in receipts)

    def forget_receipts(self, before: datetime, limit: int) -> int:
        """`ReceiptStore.sweep_receipts`."""
        old = sorted(
            (at, name, key)
            for name, space in self._spaces.items()
            for key, (_, _, at) in space.receipts.items()
            if at < before
        )[:limit]
        for _, name, key in old:
            del self._spaces[name].receipts[key]
        return len(old)

    def begin_anew(self, namespace: str, removed: JsonObject) -> Event:
        """Forget all of a namespace but its erasures; the event of this one."""
        before = self._space(namespace)
        position = self.next_position()
        self._xid += 1
        generation = before.generation + 1
        event = erasure_of(namespace, generation, position, self._now(), removed)
        told = [one for one in before.events if one.type is EventType.ERASED]
        self._spaces[namespace] = Space(
            events=[*told, event],
            position=self._log,
            generation=generation,
            erased_xid=self._xid - 1,
        )
        return event

    def write_link(
        self,
        namespace: str,
        space: Space,
        entry: LinkEntry,
        *,
        born: bool = False,
        named: UUID | None = None,
    ) -> LinkRow:
        """Write and log one link, at the next position and time; for the twins of other ports.

        `named`: what its event is known by, when another log named it.
        """
        entry = entry.at(self.next_position(), self._now(), self._xid, born=born)
        space.links[entry.name] = entry
        event = entry.event(namespace)
        space.events.append(event if named is None else replace(event, event_id=named))
        space.position = self._log
        return entry.row(namespace)

    def every(self) -> Sequence[str]:
        """The names of all namespaces that were ever written to."""
        return list(self._spaces)

    def next_position(self) -> int:
        """Draw one; the trace of who draws it is noted."""
        self._log += 1
        trace = traceparent()
        if trace is not None:
            self.marks_of_sending.traces[self._log] = trace
        return self._log

    def _now(self) -> datetime:
        """Later than any time given before, so that listing keeps the order of writing."""
        self._last = max(datetime.now(UTC), self._last + _TICK)
        return self._last

    def _space(self, namespace: str) -> Space:
        return self._spaces.get(namespace, _EMPTY)
