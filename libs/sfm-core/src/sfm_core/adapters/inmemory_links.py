"""The LinkStore in memory, over what an `InMemoryStore` keeps."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import anyio.lowlevel

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_link_rows import LinkEntry, name_of
from sfm_core.adapters.inmemory_spaces import Space
from sfm_core.adapters.link_rules import (
    Behind,
    behind,
    check_storable,
    decode_cursor,
    encode_cursor,
    never_was,
    no_end,
)
from sfm_core.adapters.write_rules import has_expired
from sfm_core.errors import NotFound
from sfm_core.model import (
    Direction,
    Link,
    LinkChange,
    LinkRow,
    LinksApplied,
    Neighbor,
    NeighborPage,
    NeighborQuery,
    PutLink,
    Receipt,
    WriteOutcome,
    Written,
)

_PAGE: Final = 500


class InMemoryLinks:
    """Implements `LinkStore` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def apply(
        self,
        namespace: str,
        changes: Sequence[LinkChange],
        *,
        receipt: Receipt | None = None,
        now: datetime | None = None,
        generation: int | None = None,
    ) -> LinksApplied:
        check_storable(changes)
        await anyio.lowlevel.checkpoint()
        space = self._store.begin(namespace, generation)
        before = space.outcomes_of(receipt)
        if before is not None:
            return LinksApplied(
                outcomes=before, rows=_rows(namespace, space, changes), replayed=True
            )
        outcomes = tuple(self._change(namespace, space, change, now) for change in changes)
        done = [outcome for outcome in outcomes if isinstance(outcome, Written)]
        if receipt is not None and done:
            space.keep(receipt, outcomes)
        if any(outcome.changed for outcome in done) or (receipt is not None and done):
            self._store.commit(namespace, space)
        return LinksApplied(outcomes=outcomes, rows=_rows(namespace, space, changes))

    def _change(
        self, namespace: str, space: Space, change: LinkChange, now: datetime | None
    ) -> WriteOutcome:
        refused = refusal_of(space, change, now)
        if refused is not None:
            return refused
        entry = space.links.get(name_of(namespace, change.key))
        if isinstance(change, PutLink):
            if entry is not None and entry.live and entry.link.weight == change.weight:
                return entry.written(changed=False)
            born = entry is None or not entry.live
            if entry is None:
                entry = LinkEntry.new(namespace, change.key, change.weight, datetime.now(UTC))
            else:
                entry = entry.put(change.weight)
            self._store.write_link(namespace, space, entry, born=born)
            return space.links[entry.name].written()
        if entry is None:
            return never_was(namespace, change.key, datetime.now(UTC))
        if not entry.live:
            return entry.written(changed=False)
        self._store.write_link(namespace, space, entry.ended())
        return space.links[entry.name].written()

    async def neighbors(
        self, namespace: str, memory: UUID, query: NeighborQuery, *, now: datetime
    ) -> NeighborPage:
        await anyio.lowlevel.checkpoint()
        after = decode_cursor(query.cursor)
        found = [
            neighbor
            for neighbor in _neighbors(self._store.peek(namespace), memory, now)
            if query.type in (None, neighbor.type)
            and query.direction in (Direction.BOTH, neighbor.direction)
            and (after is None or _order(behind(neighbor)) > _order(after))
        ]
        page = tuple(found[: query.limit])
        cursor = encode_cursor(page[-1]) if len(found) > query.limit else None
        return NeighborPage(neighbors=page, next_cursor=cursor)

    async def of(
        self, namespace: str, memories: Collection[UUID], *, limit: int, now: datetime
    ) -> Mapping[UUID, Sequence[Neighbor]]:
        await anyio.lowlevel.checkpoint()
        space = self._store.peek(namespace)
        found = {memory: _neighbors(space, memory, now)[:limit] for memory in memories}
        return {memory: neighbors for memory, neighbors in found.items() if neighbors}

    async def all(self, namespace: str) -> AsyncIterator[Sequence[Link]]:
        await anyio.lowlevel.checkpoint()
        live = [entry.link for entry in self._store.peek(namespace).links.values() if entry.live]
        for start in range(0, len(live), _PAGE):
            yield live[start : start + _PAGE]
            await anyio.lowlevel.checkpoint()


def refusal_of(space: Space, change: LinkChange, now: datetime | None) -> NotFound | None:
    for at in (change.key.origin, change.key.target):
        row = space.rows.get(at)
        fit = row is not None
        if row is not None and isinstance(change, PutLink):
            fit = row.live and not has_expired(row.memory.draft.expires_at, now)
        if not fit:
            return no_end(change, at)
    return None


def _rows(namespace: str, space: Space, changes: Sequence[LinkChange]) -> tuple[LinkRow, ...]:
    names = dict.fromkeys(name_of(namespace, change.key) for change in changes)
    return tuple(space.links[name].row(namespace) for name in names if name in space.links)


def _neighbors(space: Space, memory: UUID, now: datetime) -> list[Neighbor]:
    """Of every type and direction, the strongest first."""
    seen = (entry.seen_from(memory) for entry in space.links.values() if entry.live)
    found = [neighbor for neighbor in seen if neighbor is not None]
    shown = [n for n in found if not _is_hidden(space, n, now)]
    return sorted(shown, key=lambda neighbor: _order(behind(neighbor)))


def _is_hidden(space: Space, neighbor: Neighbor, now: datetime) -> bool:
    row = space.rows.get(neighbor.coordinate)
    return row is None or not row.live or has_expired(row.memory.draft.expires_at, now)


def _order(place: Behind) -> tuple[float, UUID, str, str]:
    weight, memory, kind, direction = place
    return -weight, memory, kind, direction
