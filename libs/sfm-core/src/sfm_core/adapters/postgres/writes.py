"""The one write path: memories, vectors, events and the receipt in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg

from sfm_core.adapters.postgres import receipts
from sfm_core.adapters.postgres.link_rows import end_links
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid, tags_json, vector_bytes
from sfm_core.adapters.write_rules import (
    Held,
    broken_precondition,
    check_storable,
    content_rules,
    in_waves,
    payload_text,
    refusal,
)
from sfm_core.coordinates import Coordinate, event_id, memory_id
from sfm_core.errors import Unavailable
from sfm_core.generations import fence
from sfm_core.model import (
    Applied,
    Delete,
    EventType,
    Keep,
    LinkRow,
    Receipt,
    Stamp,
    Upsert,
    Write,
    WriteOutcome,
    Written,
)
from sfm_core.offload import INLINE_ITEMS, off_loop
from sfm_core.runtime.tracing import traceparent

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"

_SQL: Final = load_queries("writes")
_ENTRIES: Final = 4


class _NothingDone(Exception):
    """Ends a transaction in which nothing happened that must last."""

    def __init__(self, outcomes: tuple[WriteOutcome, ...], generation: int) -> None:
        super().__init__()
        self.applied = Applied(outcomes=outcomes, generation=generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one call wants, in the form the server takes: made before the transaction."""

    namespace: str
    writes: Sequence[Write]
    values: Mapping[int, tuple[object, ...]]
    """What `upsert` takes of each write that is one, $2 to $17, by the write's index."""
    now: datetime | None


def call_of(namespace: str, writes: Sequence[Write], now: datetime | None = None) -> Call:
    """Raises `InvalidInput` for a value that no store can hold."""
    check_storable(writes)
    values = {i: _values(namespace, w) for i, w in enumerate(writes) if isinstance(w, Upsert)}
    return Call(namespace=namespace, writes=writes, values=values, now=now)


async def apply_writes(
    pool: Pool,
    namespace: str,
    writes: Sequence[Write],
    *,
    receipt: Receipt | None,
    all_or_none: bool,
    now: datetime | None,
    generation: int | None,
) -> Applied:
    """`RecordStore.apply`.

    Costs five round trips for one store (begin, enter, upsert, log, commit), two more with a
    receipt, one more where a lock must be held first (deletes, `If-Match`, unique content).
    """
    call = await off_loop(lambda: call_of(namespace, writes, now), when=len(writes) > INLINE_ITEMS)
    body = partial(
        _transaction, call=call, receipt=receipt, all_or_none=all_or_none, generation=generation
    )
    try:
        return await pool.in_transaction(body, namespace=namespace)
    except _NothingDone as done:
        return done.applied


async def _transaction(
    connection: Connection,
    *,
    call: Call,
    receipt: Receipt | None,
    all_or_none: bool,
    generation: int | None,
) -> Applied:
    namespace, writes = call.namespace, call.writes
    entered = await enter(connection, namespace, batch=len(writes) > 1, generation=generation)
    if receipt is not None:
        before = await receipts.claim(connection, namespace, receipt)
        if before is not None:
            return Applied(outcomes=before, replayed=True, generation=entered.generation)
    await _fence_content(connection, namespace, writes)
    found: dict[int, WriteOutcome] = {}
    unlinked: list[LinkRow] = []
    for wave in in_waves(writes):
        found |= await run_wave(connection, call, entered.xid, wave, unlinked)
    outcomes = tuple(found[index] for index in range(len(writes)))
    done = [outcome for outcome in outcomes if isinstance(outcome, Written)]
    if all_or_none and len(done) < len(outcomes):
        raise _NothingDone(outcomes, entered.generation)
    if receipt is not None and (done or not writes):
        await receipts.keep(connection, namespace, receipt, outcomes)
    elif not any(outcome.changed for outcome in done):
        raise _NothingDone(outcomes, entered.generation)
    return Applied(outcomes=outcomes, unlinked=tuple(unlinked), generation=entered.generation)


@dataclass(frozen=True, slots=True)
class Entered:
    """A transaction that has declared its namespace, and holds it against erasure."""

    xid: int
    generation: int


async def enter(
    connection: Connection, namespace: str, *, batch: bool, generation: int | None
) -> Entered:
    """Declare and fence the namespace, made if need be.

    `generation` is what was noted when that was begun which is written now (None: nothing was).

    Raises:
        Conflict: it was erased since.
        Unavailable: it is being erased.
    """
    for _ in range(_ENTRIES):
        row = await connection.fetchrow(_SQL["enter_batch" if batch else "enter_single"], namespace)
        if row is not None:
            fence(generation, row["generation"])
            return Entered(row["xid"], row["generation"])
        await connection.execute(_SQL["add_namespace"], namespace)
    raise Unavailable("the namespace is being erased")


async def _fence_content(connection: Connection, namespace: str, writes: Sequence[Write]) -> None:
    """Hold off others who remember the same content, until the transaction ends."""
    keys, _ = content_rules(writes)
    if keys and len(writes) > 1:
        await connection.execute(_SQL["fence_contents"], namespace)
    elif keys:
        await connection.execute(_SQL["fence_content"], namespace, *keys.values())


async def run_wave(
    connection: Connection,
    call: Call,
    xid: int,
    wave: Sequence[tuple[int, Write]],
    unlinked: list[LinkRow],
) -> dict[int, WriteOutcome]:
    """Writes to distinct coordinates: hold what must be looked at, decide, write, log.

    `unlinked` takes the links that went with a life that ended.
    """
    looked_at = [write.coordinate.text for _, write in wave if _needs_hold(write)]
    held: Mapping[str, Mapping[str, Any]] = {}
    if looked_at:
        rows = await connection.fetch(_SQL["hold"], call.namespace, looked_at)
        held = {row["coord"]: row for row in rows}
    decided = {
        index: _decided(write, held.get(write.coordinate.text), call.now) for index, write in wave
    }
    open_writes = [(index, write) for index, write in wave if decided[index] is None]
    written = await _write(connection, call, xid, open_writes, unlinked)
    return {
        index: decided[index]
        or written.get(write.coordinate.text)
        or broken_precondition(write)  # the insert found a live memory there, or its like
        for index, write in wave
    }


def _decided(
    write: Write, row: Mapping[str, Any] | None, now: datetime | None
) -> WriteOutcome | None:
    """The outcome of a write that changes nothing; None: it has to be made."""
    if not _needs_hold(write):
        return None
    held = None
    if row is not None:
        held = Held(row["version"], live=not row["deleted"], expires_at=row["expires_at"])
    refused = refusal(write, held, now)
    if refused is not None or row is None:
        return refused
    idle = isinstance(write, Keep) or (
        isinstance(write, Delete) and row["deleted"] and not write.even_if_gone
    )
    return _written(row, named=row["event_id"], changed=False) if idle else None


async def _write(
    connection: Connection,
    call: Call,
    xid: int,
    writes: Sequence[tuple[int, Write]],
    unlinked: list[LinkRow],
) -> dict[str, Written]:
    """What was changed, by coordinate; in the order of the writes, upserts first."""
    namespace = call.namespace
    upserts = {index: write for index, write in writes if isinstance(write, Upsert)}
    burials = [write.coordinate.text for _, write in writes if isinstance(write, Delete)]
    rows: list[Mapping[str, Any]] = []
    if upserts:
        columns = zip(*(call.values[index] for index in upserts), strict=True)
        unique, passed_over = content_rules(list(upserts.values()))
        rows += await connection.fetch(
            _SQL["upsert"],
            namespace,
            *map(list, columns),
            xid,
            _only_absent(upserts.values()),
            call.now,
            [coordinate.text for coordinate in unique],
            [coordinate.text for coordinate in passed_over],
            _only_first(upserts.values()),
        )
    if burials:
        rows += await connection.fetch(_SQL["bury"], namespace, burials, xid)
        rows += await _plant(connection, namespace, xid, writes, rows)
    ended = [plain_uuid(row["id"]) for row in rows if _begins_or_ends(row)]
    stamps = {
        write.coordinate.text: write.stamp
        for _, write in writes
        if not isinstance(write, Keep) and write.stamp is not None
    }
    rows = await _stamped(connection, namespace, rows, stamps)
    written = {row["coord"]: _written(row, named=_name(stamps, row)) for row in rows}
    if written:
        await connection.execute(
            _SQL["log_changes"],
            namespace,
            list(written),
            [w.event_id for w in written.values()],
            traceparent(),
        )
    if ended:
        unlinked += await end_links(connection, namespace, ended, xid)
    return written


async def _plant(
    connection: Connection,
    namespace: str,
    xid: int,
    writes: Sequence[tuple[int, Write]],
    buried: Sequence[Mapping[str, Any]],
) -> Sequence[Mapping[str, Any]]:
    """Tombstones of deletes that found nothing to bury, and are made even so."""
    done = {row["coord"] for row in buried}
    places = [
        write.coordinate
        for _, write in writes
        if isinstance(write, Delete) and write.even_if_gone and write.coordinate.text not in done
    ]
    if not places:
        return ()
    planted: Sequence[Mapping[str, Any]] = await connection.fetch(
        _SQL["plant"],
        namespace,
        [place.text for place in places],
        [memory_id(namespace, place) for place in places],
        xid,
    )
    return planted


def _begins_or_ends(row: Mapping[str, Any]) -> bool:
    """Whether an earlier life of the memory is over, and with it the links of that life."""
    kind = EventType(row["event_type"])
    return kind is EventType.DELETED or (kind is EventType.CREATED and row["version"] > 1)


async def _stamped(
    connection: Connection,
    namespace: str,
    rows: list[Mapping[str, Any]],
    stamps: Mapping[str, Stamp],
) -> list[Mapping[str, Any]]:
    """The rows as their stamps leave them; those without one as they are."""
    found = {row["coord"]: stamps[row["coord"]] for row in rows if row["coord"] in stamps}
    if not found:
        return rows
    versions = {row["coord"]: row["version"] for row in rows}
    stamped = await connection.fetch(
        _SQL["stamp"],
        namespace,
        list(found),
        [None if stamp.event is None else stamp.event.value for stamp in found.values()],
        [stamp.created_at for stamp in found.values()],
        [stamp.updated_at for stamp in found.values()],
        [stamp.version for stamp in found.values()],
        [versions[coordinate] for coordinate in found],
    )
    by_coordinate = {row["coord"]: row for row in stamped}
    return [by_coordinate.get(row["coord"], row) for row in rows]


def _needs_hold(write: Write) -> bool:
    """Upserts that ask for no version are decided by the insert itself."""
    if not isinstance(write, Upsert):
        return True
    asked = write.precondition
    return asked is not None and (asked.version is not None or asked.ended is not None)


def _only_absent(upserts: Iterable[Upsert]) -> list[str]:
    return [u.coordinate.text for u in upserts if u.precondition and u.precondition.absent]


def _only_first(upserts: Iterable[Upsert]) -> list[str]:
    """Where nothing stood to be held, so that the insert must be what finds another there."""
    return [u.coordinate.text for u in upserts if u.precondition and u.precondition.ended == 0]


def _values(namespace: str, upsert: Upsert) -> tuple[object, ...]:
    """What `upsert` takes of one memory, $2 to $17."""
    draft = upsert.draft
    return (
        upsert.coordinate.text,
        memory_id(namespace, upsert.coordinate),
        draft.kind.value,
        payload_text(draft.payload),
        upsert.text,
        draft.text is not None,
        draft.importance,
        tags_json(draft.tags),
        draft.session,
        draft.source,
        draft.occurred_at,
        draft.expires_at,
        draft.pinned,
        upsert.content_key,
        upsert.model_revision,
        None if upsert.vector is None else vector_bytes(upsert.vector),
    )


def _name(stamps: Mapping[str, Stamp], row: Mapping[str, Any]) -> UUID | None:
    """What a write says that its event is known by."""
    stamp = stamps.get(row["coord"])
    return None if stamp is None else stamp.event_id


def _written(row: Mapping[str, Any], *, named: UUID | None = None, changed: bool = True) -> Written:
    """`named`: what the event is known by, where that does not follow from the version."""
    memory: UUID = plain_uuid(row["id"])
    kind = EventType(row["event_type"])
    return Written(
        coordinate=Coordinate(row["coord"]),
        id=memory,
        version=row["version"],
        position=row["position"],
        event_id=event_id(memory, row["version"], kind) if named is None else plain_uuid(named),
        type=kind,
        at=row["updated_at"],
        created_at=row["created_at"],
        changed=changed,
    )
