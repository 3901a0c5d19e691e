"""The RecordStore and ChangeFeed in memory: the same promises, nothing kept at the end."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory_feed import Feed
from sfm_core.adapters.inmemory_rows import (
    LogPlace,
    Terms,
    admits,
    buried,
    event_of,
    listed_at,
    payload_texts,
    stamped,
    upserted,
    view_row,
    written,
)
from sfm_core.adapters.inmemory_spaces import Space
from sfm_core.adapters.keyset import decode_cursor, encode_cursor
from sfm_core.adapters.windows import fitting, memory_bytes
from sfm_core.adapters.write_rules import in_waves
from sfm_core.coordinates import Coordinate
from sfm_core.errors import SfmError
from sfm_core.model import (
    Applied,
    Delete,
    Keep,
    Kind,
    LinkRow,
    ListQuery,
    Marks,
    Memory,
    Page,
    Receipt,
    Sample,
    StoreStats,
    Upsert,
    ViewRow,
    Write,
    WriteOutcome,
    mark_of,
)
from sfm_core.offload import INLINE_ITEMS, off_loop


class InMemoryStore(Feed):
    """Implements `RecordStore` and `ChangeFeed` for tests and trials.

    Each call does its work in one step of the event loop, so calls never interleave. Holds one
    vector per memory: that of the last write.
    """

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
        space = self.begin(namespace, generation)
        before = space.outcomes_of(receipt)
        if before is not None:
            return Applied(outcomes=before, replayed=True, generation=space.generation)
        found: dict[int, WriteOutcome] = {}
        terms = Terms(space.rows, writes, now)
        unlinked: list[LinkRow] = []
        for wave in in_waves(writes):
            # As in the real store: within a wave the upserts come before the deletes.
            for index, write in sorted(wave, key=lambda item: isinstance(item[1], Delete)):
                found[index] = self.write(
                    namespace, space, write, payloads.get(index, "{}"), terms, unlinked
                )
        self._xid += 1
        outcomes = tuple(found[index] for index in range(len(writes)))
        failures = sum(isinstance(outcome, SfmError) for outcome in outcomes)
        if failures and (all_or_none or failures == len(outcomes)):
            return Applied(outcomes=outcomes, generation=space.generation)
        self._spaces[namespace] = space
        if receipt is not None:
            space.keep(receipt, outcomes)
        return Applied(outcomes=outcomes, unlinked=tuple(unlinked), generation=space.generation)

    def write(
        self,
        namespace: str,
        space: Space,
        write: Write,
        payload: str,
        terms: Terms,
        unlinked: list[LinkRow],
    ) -> WriteOutcome:
        """Make one write in a namespace that was begun; for the twins of other ports too."""
        row = space.rows.get(write.coordinate)
        refused = terms.refusal(write, row)
        if refused is not None:
            return refused
        idle = isinstance(write, Delete) and not write.even_if_gone
        if isinstance(write, Keep) or (idle and row is not None and not row.live):
            if row is None:
                raise AssertionError("a keep of what is not there is refused before")
            return written(row, changed=False)
        position = self.next_position()
        at = self._now() if row is None else max(self._now(), row.memory.updated_at)
        place = LogPlace(position=position, xid=self._xid, at=at)
        after = (
            upserted(namespace, row, write, payload, place, updates=terms.is_live(row))
            if isinstance(write, Upsert)
            else buried(namespace, row, write.coordinate, place)
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

    async def marks(self, namespace: str, ids: Collection[UUID]) -> Marks:
        rows = await self.fetch(namespace, ids)
        return Marks(log=self._name, of={id_: mark_of(row) for id_, row in rows.items()})

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
        page = tuple(fitting(admitted, memory_bytes, query.limit))
        if len(admitted) == len(page):
            return Page(memories=page, next_cursor=None)
        return Page(memories=page, next_cursor=encode_cursor(*listed_at(page[-1])))

    async def generation(self, namespace: str) -> int:
        await anyio.lowlevel.checkpoint()
        return self._space(namespace).generation

    async def stats(self, namespace: str) -> StoreStats:
        await anyio.lowlevel.checkpoint()
        space = self._space(namespace)
        live = space.live()
        unembedded = {row.memory.id for row in live if row.vector is None}
        episodic = sum(row.memory.draft.kind is Kind.EPISODIC for row in live)
        return StoreStats(
            total=len(live),
            episodic=episodic,
            semantic=len(live) - episodic,
            deleted=len(space.rows) - len(live),
            links=sum(entry.live for entry in space.links.values()),
            vectors=sum(row.vector is not None for row in live),
            pending_index=len(unembedded | set(space.owed)),
            wal=len(space.owed),
            position=space.position,
        )

    async def namespaces(self) -> Sequence[str]:
        await anyio.lowlevel.checkpoint()
        return sorted(name for name, space in self._spaces.items() if space.live())

    async def ping(self) -> None:
        await anyio.lowlevel.checkpoint()
