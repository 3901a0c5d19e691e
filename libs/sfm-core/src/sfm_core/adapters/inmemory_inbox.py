"""The Inbox in memory, over what an `InMemoryStore` keeps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import anyio.lowlevel

from sfm_core.adapters.inbox_rules import (
    LinkArrival,
    MemoryArrival,
    Standing,
    check_arrivals,
    failed,
    is_stale,
    lots,
    sifted,
    write_of,
)
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_link_rows import LinkEntry, name_of
from sfm_core.adapters.inmemory_links import refusal_of
from sfm_core.adapters.inmemory_rows import Terms, payload_texts
from sfm_core.adapters.inmemory_spaces import Space
from sfm_core.adapters.link_rules import check_storable
from sfm_core.errors import SfmError
from sfm_core.generations import FIRST
from sfm_core.model import Acceptance, Accepted, Arrival, EventType, PutLink, Unlink


class InMemoryInbox:
    """Implements `Inbox` for tests and trials."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def accept(
        self, namespace: str, arrivals: Sequence[Arrival], *, now: datetime
    ) -> Sequence[Acceptance]:
        check_arrivals(arrivals)
        check_storable([a.change for a in arrivals if isinstance(a.change, PutLink | Unlink)])
        await anyio.lowlevel.checkpoint()
        space = self._store.begin(namespace)
        known = frozenset(event.event_id for event in space.events)
        out = sifted(arrivals, known, _erased_at(space))
        places = {row.memory.id: at for at, row in space.rows.items()}
        found: dict[int, Acceptance] = dict(out)
        for lot in lots(namespace, arrivals, out, places):
            for one in lot.memories:
                found[one[0]] = self._memory(namespace, space, one, now)
            for change in lot.links:
                found[change[0]] = self._link(namespace, space, change, now)
        if not failed(found) and Accepted.APPLIED in found.values():
            self._store.commit(namespace, space)
        return [found[index] for index in range(len(arrivals))]

    def _memory(
        self, namespace: str, space: Space, one: MemoryArrival, now: datetime
    ) -> Acceptance:
        _, arrival, change = one
        row = space.rows.get(change.coordinate)
        standing = None
        if row is not None:
            memory = row.memory
            live = row.live and not memory.has_expired(now)
            standing = Standing(version=memory.version, live=live, updated_at=memory.updated_at)
        if is_stale(arrival, None if standing is None else standing.version):
            return Accepted.STALE
        write = write_of(arrival, change, standing, now)
        payload = payload_texts([write]).get(0, "{}")
        terms = Terms(space.rows, [write], now)
        outcome = self._store.write(namespace, space, write, payload, terms, [])
        return outcome if isinstance(outcome, SfmError) else Accepted.APPLIED

    def _link(self, namespace: str, space: Space, one: LinkArrival, now: datetime) -> Acceptance:
        _, arrival, change = one
        refused = refusal_of(space, change, now)
        if refused is not None:
            return refused
        before = space.links.get(name_of(namespace, change.key))
        if is_stale(arrival, None if before is None else before.link.version):
            return Accepted.STALE
        after = before or LinkEntry.new(namespace, change.key, 1.0, datetime.now(UTC))
        after = after.put(change.weight) if isinstance(change, PutLink) else after.ended()
        born = isinstance(change, PutLink) and (before is None or not before.live)
        following = 1 if before is None else before.link.version + 1
        link = replace(after.link, version=max(following, arrival.version or 0))
        self._store.write_link(
            namespace,
            space,
            replace(after, link=link),
            born=born or before is None,
            named=arrival.event_id,
        )
        return Accepted.APPLIED


def _erased_at(space: Space) -> datetime | None:
    if space.generation == FIRST:
        return None
    return max(event.at for event in space.events if event.type is EventType.ERASED)
