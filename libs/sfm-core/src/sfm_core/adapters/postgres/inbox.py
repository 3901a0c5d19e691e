"""The Inbox over PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from sfm_core.adapters.inbox_rules import (
    LinkArrival,
    MemoryArrival,
    Standing,
    check_arrivals,
    failed,
    in_turns,
    is_stale,
    lots,
    names_of,
    sifted,
    write_of,
)
from sfm_core.adapters.link_rules import check_storable as check_links
from sfm_core.adapters.postgres import link_rows
from sfm_core.adapters.postgres.links import held_ends, name_of, refusal_of
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid
from sfm_core.adapters.postgres.writes import call_of, enter, run_wave
from sfm_core.adapters.write_rules import has_expired
from sfm_core.coordinates import Coordinate
from sfm_core.errors import PreconditionFailed, Unavailable
from sfm_core.generations import FIRST
from sfm_core.model import (
    Acceptance,
    Accepted,
    Arrival,
    Delete,
    LinkChange,
    PutLink,
    Unlink,
    Upsert,
)
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.runtime.tracing import traceparent

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"

_SQL: Final = load_queries("inbox")
_WRITES: Final = load_queries("writes")
_LINKS: Final = load_queries("links")
_RACES: Final = 4
"""Another writer may be the first at an empty place, which nothing holds; then it is held."""


class _NothingDone(Exception):
    """Ends a transaction in which nothing happened that must last."""

    def __init__(self, outcomes: Sequence[Acceptance]) -> None:
        super().__init__()
        self.outcomes = outcomes


class PostgresInbox:
    """Implements `Inbox`; needs a migrated schema.

    A batch costs about ten round trips, however many arrivals it has; each link two more.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def accept(
        self, namespace: str, arrivals: Sequence[Arrival], *, now: datetime
    ) -> Sequence[Acceptance]:
        check_arrivals(arrivals)
        check_links([a.change for a in arrivals if isinstance(a.change, PutLink | Unlink)])

        async def body(connection: Connection) -> Sequence[Acceptance]:
            return await _transaction(connection, namespace, arrivals, now)

        try:
            return await self._pool.in_transaction(body, namespace=namespace)
        except _NothingDone as done:
            return done.outcomes


async def _transaction(
    connection: Connection, namespace: str, arrivals: Sequence[Arrival], now: datetime
) -> Sequence[Acceptance]:
    entered = await enter(connection, namespace, batch=True, generation=None)
    erased_at = None
    if entered.generation > FIRST:
        erased_at = await connection.fetchval(_SQL["last_erasure"], namespace)
    rows = await connection.fetch(_SQL["known_events"], namespace, names_of(arrivals))
    out = sifted(arrivals, frozenset(plain_uuid(row["event_id"]) for row in rows), erased_at)
    places = await _places(connection, namespace, arrivals)
    batch = _Batch(connection, namespace, entered.xid, now)
    found: dict[int, Acceptance] = dict(out)
    for lot in lots(namespace, arrivals, out, places):
        for turn in in_turns(lot.memories):
            found |= await batch.memories(turn)
        if lot.links:
            found |= await batch.links(lot.links)
    outcomes = [found[index] for index in range(len(arrivals))]
    if failed(found) or Accepted.APPLIED not in outcomes:
        raise _NothingDone(outcomes)
    return outcomes


async def _places(
    connection: Connection, namespace: str, arrivals: Sequence[Arrival]
) -> Mapping[UUID, Coordinate]:
    named = [arrival.named for arrival in arrivals if arrival.named is not None]
    rows = await connection.fetch(_SQL["places"], namespace, named) if named else ()
    return {plain_uuid(row["id"]): Coordinate(row["coord"]) for row in rows}


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is left of a batch, inside its transaction."""

    connection: Connection
    namespace: str
    xid: int
    now: datetime

    async def memories(self, turn: Sequence[MemoryArrival]) -> dict[int, Acceptance]:
        """Arrivals at distinct places."""
        found: dict[int, Acceptance] = {}
        left = list(turn)
        for _ in range(_RACES):
            standings = await self._standings([change.coordinate for _, _, change in left])
            writes: dict[int, Upsert | Delete] = {}
            for index, arrival, change in left:
                standing = standings.get(change.coordinate.text)
                if is_stale(arrival, None if standing is None else standing.version):
                    found[index] = Accepted.STALE
                else:
                    writes[index] = write_of(arrival, change, standing, self.now)
            lost = await self._written(writes, found)
            left = [one for one in left if one[0] in lost]
            if not left:
                return found
        raise Unavailable("others kept writing to the same places")

    async def _written(
        self, writes: Mapping[int, Upsert | Delete], found: dict[int, Acceptance]
    ) -> set[int]:
        """Make the writes and note what came of them; those that lost a race."""
        if not writes:
            return set()
        order = list(writes.values())
        call = await off_loop(
            lambda: call_of(self.namespace, order, self.now), when=len(order) > INLINE_ITEMS
        )
        outcomes = await run_wave(self.connection, call, self.xid, list(enumerate(order)), [])
        lost = set()
        for place, index in enumerate(writes):
            outcome = outcomes[place]
            if isinstance(outcome, PreconditionFailed):
                lost.add(index)
            else:
                found[index] = outcome if isinstance(outcome, Exception) else Accepted.APPLIED
        return lost

    async def _standings(self, places: Sequence[Coordinate]) -> dict[str, Standing]:
        coords = [place.text for place in places]
        rows = await self.connection.fetch(_WRITES["hold"], self.namespace, coords)
        return {
            row["coord"]: Standing(
                version=row["version"],
                live=not row["deleted"] and not has_expired(row["expires_at"], self.now),
                updated_at=row["updated_at"],
            )
            for row in rows
        }

    async def links(self, arrivals: Sequence[LinkArrival]) -> dict[int, Acceptance]:
        """Arrivals about links, one after the other."""
        changes = [change for _, _, change in arrivals]
        live, known = await held_ends(self.connection, self.namespace, changes, self.now)
        found: dict[int, Acceptance] = {}
        done = []
        for index, arrival, change in arrivals:
            refused = refusal_of(change, live if isinstance(change, PutLink) else known)
            if refused is not None:
                found[index] = refused
            elif is_stale(arrival, await self._link_version(change)):
                found[index] = Accepted.STALE
            else:
                row = await self._changed(change, arrival.version)
                told = link_rows.written(self.namespace, change.key, row, named=arrival.event_id)
                done.append((change.key, row, told))
                found[index] = Accepted.APPLIED
        if done:
            events = link_rows.events_as(self.namespace, done)
            await self.connection.execute(_LINKS["log_links"], *events, self.xid, traceparent())
        return found

    async def _link_version(self, change: LinkChange) -> int | None:
        name = name_of(self.namespace, change.key)
        version: int | None = await self.connection.fetchval(
            _SQL["hold_link"], self.namespace, *name
        )
        return version

    async def _changed(self, change: LinkChange, version: int | None) -> Mapping[str, Any]:
        name = (self.namespace, *name_of(self.namespace, change.key))
        if isinstance(change, PutLink):
            row = await self.connection.fetchrow(
                _SQL["put_link_anyway"], *name, change.weight, self.xid, version
            )
        else:
            row = await self.connection.fetchrow(_SQL["unlink_anyway"], *name, self.xid, version)
        changed: Mapping[str, Any] = row
        return changed
