"""The RecordStore and ChangeFeed in memory: the same promises, nothing kept at the end."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import anyio.lowlevel
import numpy as np
import orjson

from sfm_core.adapters.inmemory_link_rows import LinkEntry, Name
from sfm_core.adapters.inmemory_rows import (
    Row,
    Terms,
    admits,
    as_utc,
    erasure_of,
    event_of,
    listed_at,
    payload_texts,
    stamped,
    view_row,
    written,
)
from sfm_core.adapters.inmemory_stamps import caught_up
from sfm_core.adapters.inmemory_words import by_words
from sfm_core.adapters.keyset import decode_cursor, encode_cursor
from sfm_core.adapters.write_rules import in_waves
from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.errors import Conflict, KeyReused, SfmError
from sfm_core.generations import FIRST
from sfm_core.model import (
    Applied,
    CarriedSample,
    Changes,
    Delete,
    Event,
    EventType,
    JsonObject,
    Keep,
    Kind,
    LinkRow,
    ListQuery,
    Memory,
    MemoryDraft,
    Page,
    RecallQuery,
    Receipt,
    Sample,
    StoreStats,
    Upsert,
    ViewRow,
    Write,
    WriteOutcome,
)
from sfm_core.model.saved import CatchUp
from sfm_core.offload import INLINE_ITEMS, off_loop

_PAGE: Final = 500
_TICK: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class Space:
    """One namespace."""

    rows: dict[Coordinate, Row] = field(default_factory=dict)
    samples: list[tuple[int, Sample]] = field(default_factory=list)
    """(xid, sample) in log order."""
    receipts: dict[str, tuple[bytes, tuple[WriteOutcome, ...]]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    """In log order."""
    links: dict[Name, LinkEntry] = field(default_factory=dict)
    """Ended ones too."""
    position: int = 0
    brought: list[tuple[int, CarriedSample]] = field(default_factory=list)
    """Importances without events, with their positions."""
    generation: int = FIRST

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
        )

    def live(self) -> list[Row]:
        return [row for row in self.rows.values() if row.live]


_EMPTY: Final = Space()


class InMemoryStore:
    """Implements `RecordStore` and `ChangeFeed` for tests and trials.

    Each call does its work in one step of the event loop, so calls never interleave. Holds one
    vector per memory: that of the last write.
    """

    def __init__(self) -> None:
        self._spaces: dict[str, Space] = {}
        self._log = 0
        self._xid = 1
        self._last = datetime(1970, 1, 1, tzinfo=UTC)
        self._name = str(uuid4())

    async def apply(
        self,
        namespace: str,
        writes: Sequence[Write],
        *,
        receipt: Receipt | None = None,
        all_or_none: bool = False,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> Applied:
        payloads = await off_loop(lambda: payload_texts(writes), when=len(writes) > INLINE_ITEMS)
        space = self._spaces.get(namespace, _EMPTY)
        if generation not in (None, space.generation):
            raise Conflict("the namespace was erased after this write had begun")
        if receipt is not None and receipt.key in space.receipts:
            fingerprint, before = space.receipts[receipt.key]
            if fingerprint != receipt.fingerprint:
                raise KeyReused(
                    "this idempotency key came with another request", path="/idempotency-key"
                )
            return Applied(outcomes=before, replayed=True, generation=space.generation)
        space = space.copied()
        found: dict[int, WriteOutcome] = {}
        terms = Terms(space.rows, writes, now)
        unlinked: list[LinkRow] = []
        for wave in in_waves(writes):
            # As in the real store: within a wave the upserts come before the deletes.
            for index, write in sorted(wave, key=lambda item: isinstance(item[1], Delete)):
                found[index] = self._write(
                    namespace, space, write, payloads.get(index, "{}"), terms, unlinked
                )
        self._xid += 1
        outcomes = tuple(found[index] for index in range(len(writes)))
        failures = sum(isinstance(outcome, SfmError) for outcome in outcomes)
        if failures and (all_or_none or failures == len(outcomes)):
            return Applied(outcomes=outcomes, generation=space.generation)
        self._spaces[namespace] = space
        if receipt is not None:
            space.receipts[receipt.key] = (receipt.fingerprint, outcomes)
        return Applied(outcomes=outcomes, unlinked=tuple(unlinked), generation=space.generation)

    def _write(
        self,
        namespace: str,
        space: Space,
        write: Write,
        payload: str,
        terms: Terms,
        unlinked: list[LinkRow],
    ) -> WriteOutcome:
        row = space.rows.get(write.coordinate)
        refused = terms.refusal(write, row)
        if refused is not None:
            return refused
        idle = isinstance(write, Delete) and row is not None and not row.live
        if isinstance(write, Keep) or idle:
            if row is None:
                raise AssertionError("a keep of what is not there is refused before")
            return written(row, changed=False)
        self._log += 1
        now = self._now()
        after = (
            self._upserted(namespace, row, write, payload, now, updates=terms.is_live(row))
            if isinstance(write, Upsert)
            else self._buried(row, now)
        )
        after = stamped(after, write.stamp)
        space.rows[write.coordinate] = after
        space.events.append(event_of(after))
        space.position = self._log
        if isinstance(write, Upsert) and write.says_importance:
            sample = Sample(position=self._log, importance=write.draft.importance)
            space.samples.append((self._xid, sample))
        if row is not None and not (after.live and terms.is_live(row)):
            unlinked += self._unlink(namespace, space, after.memory.id)
        return written(after)

    def _unlink(self, namespace: str, space: Space, memory: UUID) -> list[LinkRow]:
        """End the links of a memory whose life is over."""
        gone = [name for name, e in space.links.items() if e.live and memory in name[:2]]
        return [self.write_link(namespace, space, space.links[name].ended()) for name in gone]

    def write_link(
        self, namespace: str, space: Space, entry: LinkEntry, *, born: bool = False
    ) -> LinkRow:
        """Write and log one link, at the next position and time; for the twin of `LinkStore`."""
        self._log += 1
        entry = entry.at(self._log, self._now(), self._xid, born=born)
        space.links[entry.name] = entry
        space.events.append(entry.event(namespace))
        space.position = self._log
        return entry.row(namespace)

    def begin(self, namespace: str) -> Space:
        """A copy of a namespace to write to; for the twins of other ports over this store."""
        return self._spaces.get(namespace, _EMPTY).copied()

    def commit(self, namespace: str, space: Space) -> None:
        """Let `begin`'s copy take its place; in the same step of the event loop."""
        self._xid += 1
        self._spaces[namespace] = space

    def peek(self, namespace: str) -> Space:
        """A namespace as it is, not to be written to."""
        return self._space(namespace)

    def _upserted(
        self,
        namespace: str,
        before: Row | None,
        write: Upsert,
        payload: str,
        now: datetime,
        *,
        updates: bool,
    ) -> Row:
        memory = Memory(
            namespace=namespace,
            coordinate=write.coordinate,
            id=memory_id(namespace, write.coordinate),
            version=1 if before is None else before.memory.version + 1,
            position=self._log,
            draft=replace(
                write.draft,
                payload=orjson.loads(payload),
                occurred_at=as_utc(write.draft.occurred_at),
                expires_at=as_utc(write.draft.expires_at),
            ),
            text=write.text,
            created_at=before.memory.created_at if before is not None and updates else now,
            updated_at=now,
        )
        return Row(
            memory=memory,
            type=EventType.UPDATED if updates else EventType.CREATED,
            xid=self._xid,
            payload=payload,
            content_key=write.content_key,
            revision=write.model_revision,
            vector=np.array(write.vector, dtype=np.float32),
        )

    def _buried(self, before: Row | None, now: datetime) -> Row:
        if before is None:
            raise AssertionError("a delete of what was never stored is refused before")
        memory = replace(
            before.memory,
            version=before.memory.version + 1,
            position=self._log,
            draft=MemoryDraft(payload={}),
            text="",
            updated_at=now,
        )
        return Row(memory=memory, type=EventType.DELETED, xid=self._xid, content_key=0)

    def _now(self) -> datetime:
        """Later than any time given before, so that listing keeps the order of writing."""
        self._last = max(datetime.now(UTC), self._last + _TICK)
        return self._last

    async def get(
        self, namespace: str, coordinates: Collection[Coordinate]
    ) -> Mapping[Coordinate, Memory]:
        await anyio.lowlevel.checkpoint()
        rows = self._space(namespace).rows
        found = (rows.get(coordinate) for coordinate in coordinates)
        return {r.memory.coordinate: r.memory for r in found if r is not None and r.live}

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        await anyio.lowlevel.checkpoint()
        wanted = frozenset(ids)
        live = self._space(namespace).live()
        return {row.memory.id: row.memory for row in live if row.memory.id in wanted}

    async def positions(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, int]:
        return {id_: row.position for id_, row in (await self.fetch(namespace, ids)).items()}

    async def view_rows(
        self, namespace: str, ids: Collection[UUID], *, model_revision: str
    ) -> Sequence[ViewRow]:
        await anyio.lowlevel.checkpoint()
        wanted = frozenset(ids)
        rows = self._space(namespace).rows.values()
        return [view_row(row, model_revision) for row in rows if row.memory.id in wanted]

    async def last_version(self, namespace: str, coordinate: Coordinate) -> int:
        await anyio.lowlevel.checkpoint()
        row = self._space(namespace).rows.get(coordinate)
        return 0 if row is None else row.memory.version

    async def by_content(
        self,
        namespace: str,
        content_keys: Collection[int],
        *,
        without: Collection[Coordinate] = (),
    ) -> Mapping[int, Memory]:
        await anyio.lowlevel.checkpoint()
        wanted, passed = frozenset(content_keys), frozenset(without)
        live = self._space(namespace).live()
        same = [
            row for row in live if row.content_key in wanted and row.memory.coordinate not in passed
        ]
        newest_first = sorted(same, key=lambda row: listed_at(row.memory), reverse=True)
        return {row.content_key: row.memory for row in newest_first}

    async def list(self, namespace: str, query: ListQuery, *, now: datetime) -> Page:
        await anyio.lowlevel.checkpoint()
        behind = decode_cursor(query.cursor)
        memories = sorted((row.memory for row in self._space(namespace).live()), key=listed_at)
        start = bisect_right(memories, behind, key=listed_at)
        admitted = [memory for memory in memories[start:] if admits(query, memory, now)]
        page = tuple(admitted[: query.limit])
        if len(admitted) <= query.limit:
            return Page(memories=page, next_cursor=None)
        return Page(memories=page, next_cursor=encode_cursor(*listed_at(page[-1])))

    async def generation(self, namespace: str) -> int:
        await anyio.lowlevel.checkpoint()
        return self._space(namespace).generation

    def begin_anew(self, namespace: str, removed: JsonObject) -> Event:
        """Forget all of a namespace but its erasures; the event of this one."""
        before = self._space(namespace)
        self._log += 1
        self._xid += 1
        generation = before.generation + 1
        event = erasure_of(namespace, generation, self._log, self._now(), removed)
        told = [one for one in before.events if one.type is EventType.ERASED]
        self._spaces[namespace] = Space(
            events=[*told, event], position=self._log, generation=generation
        )
        return event

    async def stats(self, namespace: str) -> StoreStats:
        await anyio.lowlevel.checkpoint()
        space = self._space(namespace)
        live = space.live()
        episodic = sum(row.memory.draft.kind is Kind.EPISODIC for row in live)
        return StoreStats(
            total=len(live),
            episodic=episodic,
            semantic=len(live) - episodic,
            deleted=len(space.rows) - len(live),
            links=sum(entry.live for entry in space.links.values()),
            vectors=len(live),
            position=space.position,
        )

    async def namespaces(self) -> Sequence[str]:
        await anyio.lowlevel.checkpoint()
        return sorted(name for name, space in self._spaces.items() if space.live())

    async def ping(self) -> None:
        await anyio.lowlevel.checkpoint()

    async def token(self) -> int:
        await anyio.lowlevel.checkpoint()
        return self._xid

    async def load(
        self, namespace: str, *, model_revision: str
    ) -> AsyncIterator[Sequence[ViewRow]]:
        await anyio.lowlevel.checkpoint()
        live = self._space(namespace).live()
        for start in range(0, len(live), _PAGE):
            yield [view_row(row, model_revision) for row in live[start : start + _PAGE]]
            await anyio.lowlevel.checkpoint()

    async def load_links(self, namespace: str) -> AsyncIterator[Sequence[LinkRow]]:
        await anyio.lowlevel.checkpoint()
        live = [entry for entry in self._space(namespace).links.values() if entry.live]
        for start in range(0, len(live), _PAGE):
            yield [entry.row(namespace) for entry in live[start : start + _PAGE]]
            await anyio.lowlevel.checkpoint()

    async def samples(self, namespace: str, *, limit: int) -> tuple[Sequence[Sample], int]:
        await anyio.lowlevel.checkpoint()
        space = self._space(namespace)
        last = space.samples[-limit:] if limit > 0 else []
        return [sample for _, sample in last], space.position

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        await anyio.lowlevel.checkpoint()
        spaces = {name: self._space(name) for name in namespaces}
        return Changes(
            rows=tuple(
                view_row(row, model_revision)
                for space in spaces.values()
                for row in space.rows.values()
                if row.xid >= token
            ),
            samples={
                name: found
                for name, space in spaces.items()
                if (found := [sample for xid, sample in space.samples if xid >= token])
            },
            positions={name: space.position for name, space in spaces.items()},
            generations={name: space.generation for name, space in spaces.items()},
            head=self._log,
            token=self._xid,
            links=tuple(
                entry.row(name)
                for name, space in spaces.items()
                for entry in space.links.values()
                if entry.xid >= token
            ),
        )

    async def payloads(self, namespace: str) -> AsyncIterator[Sequence[tuple[UUID, int, str]]]:
        await anyio.lowlevel.checkpoint()
        live = self._space(namespace).live()
        for start in range(0, len(live), _PAGE):
            page = live[start : start + _PAGE]
            yield [(row.memory.id, row.memory.version, row.payload) for row in page]
            await anyio.lowlevel.checkpoint()

    def live(self, namespace: str) -> Sequence[Memory]:
        """The live memories of a namespace, the expired too."""
        return [row.memory for row in self._space(namespace).live()]

    async def by_words(
        self, namespace: str, query: RecallQuery, *, now: datetime, limit: int
    ) -> Sequence[UUID]:
        await anyio.lowlevel.checkpoint()
        return by_words(self.live(namespace), query, now, limit)

    async def identity(self, namespace: str) -> str:
        await anyio.lowlevel.checkpoint()
        return f"{self._name}/{namespace}"

    async def caught_up(self, namespace: str, token: int, *, model_revision: str) -> CatchUp:
        await anyio.lowlevel.checkpoint()
        rows = self._space(namespace).rows.values()
        return caught_up(rows, token, self._xid, model_revision)

    def log(self, namespace: str) -> Sequence[Event]:
        """The events of a namespace by position; for the twins of other ports over this store."""
        return self._space(namespace).events

    def rows(self, namespace: str) -> Sequence[Row]:
        """Memories and tombstones; for the twins of other ports over this store."""
        return list(self._space(namespace).rows.values())

    def brought(self, namespace: str) -> Sequence[tuple[int, CarriedSample]]:
        """Importances without events by position; for the twin of `Archive`."""
        return self._space(namespace).brought

    def bring(self, namespace: str, samples: Sequence[CarriedSample]) -> Sequence[Sample]:
        """`Archive.keep_samples`."""
        space = self._space(namespace).copied()
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

    def _space(self, namespace: str) -> Space:
        return self._spaces.get(namespace, _EMPTY)
