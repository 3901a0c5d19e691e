"""The one write path: memories, vectors, events and the receipt in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg

from sfm_core.adapters.postgres import receipts
from sfm_core.adapters.postgres.pool import Pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.rows import plain_uuid, tags_json, vector_bytes
from sfm_core.adapters.write_rules import (
    Held,
    broken_precondition,
    check_storable,
    in_waves,
    payload_text,
    refusal,
)
from sfm_core.coordinates import Coordinate, event_id, memory_id
from sfm_core.errors import Unavailable
from sfm_core.model import (
    Applied,
    Delete,
    EventType,
    Keep,
    Receipt,
    Upsert,
    Write,
    WriteOutcome,
    Written,
)

type Connection = "asyncpg.pool.PoolConnectionProxy[Any]"

_SQL: Final = load_queries("writes")
_ENTRIES: Final = 4


class _NothingDone(Exception):
    """Ends a transaction in which nothing happened that must last."""

    def __init__(self, outcomes: tuple[WriteOutcome, ...]) -> None:
        super().__init__()
        self.outcomes = outcomes


async def apply_writes(
    pool: Pool,
    namespace: str,
    writes: Sequence[Write],
    *,
    receipt: Receipt | None,
    all_or_none: bool,
) -> Applied:
    """`RecordStore.apply`.

    Costs five round trips for one store (begin, enter, upsert, log, commit), two more with a
    receipt, one more where a lock must be held first (deletes, `If-Match`).
    """
    check_storable(writes)
    body = partial(
        _transaction,
        namespace=namespace,
        writes=writes,
        receipt=receipt,
        all_or_none=all_or_none,
    )
    try:
        return await pool.in_transaction(body)
    except _NothingDone as done:
        return Applied(outcomes=done.outcomes)


async def _transaction(
    connection: Connection,
    *,
    namespace: str,
    writes: Sequence[Write],
    receipt: Receipt | None,
    all_or_none: bool,
) -> Applied:
    xid = await _enter(connection, namespace, batch=len(writes) > 1)
    if receipt is not None:
        before = await receipts.claim(connection, namespace, receipt)
        if before is not None:
            return Applied(outcomes=before, replayed=True)
    found: dict[int, WriteOutcome] = {}
    for wave in in_waves(writes):
        found |= await _run_wave(connection, namespace, xid, wave)
    outcomes = tuple(found[index] for index in range(len(writes)))
    done = [outcome for outcome in outcomes if isinstance(outcome, Written)]
    if all_or_none and len(done) < len(outcomes):
        raise _NothingDone(outcomes)
    if receipt is not None and done:
        await receipts.keep(connection, namespace, receipt, outcomes)
    elif not any(outcome.changed for outcome in done):
        raise _NothingDone(outcomes)
    return Applied(outcomes=outcomes)


async def _enter(connection: Connection, namespace: str, *, batch: bool) -> int:
    """Declare and fence the namespace, made if need be; the transaction's id."""
    for _ in range(_ENTRIES):
        row = await connection.fetchrow(_SQL["enter_batch" if batch else "enter_single"], namespace)
        if row is not None:
            return int(row["xid"])
        await connection.execute(_SQL["add_namespace"], namespace)
    raise Unavailable("the namespace is being erased")


async def _run_wave(
    connection: Connection, namespace: str, xid: int, wave: Sequence[tuple[int, Write]]
) -> dict[int, WriteOutcome]:
    """Writes to distinct coordinates: hold what must be looked at, decide, write, log."""
    looked_at = [write.coordinate.text for _, write in wave if _needs_hold(write)]
    held: Mapping[str, Mapping[str, Any]] = {}
    if looked_at:
        rows = await connection.fetch(_SQL["hold"], namespace, looked_at)
        held = {row["coord"]: row for row in rows}
    decided = {index: _decided(write, held.get(write.coordinate.text)) for index, write in wave}
    open_writes = [write for index, write in wave if decided[index] is None]
    written = await _write(connection, namespace, xid, open_writes)
    return {
        index: decided[index]
        or written.get(write.coordinate.text)
        or broken_precondition(write)  # of `If-None-Match`: the insert found a live memory
        for index, write in wave
    }


def _decided(write: Write, row: Mapping[str, Any] | None) -> WriteOutcome | None:
    """The outcome of a write that changes nothing; None: it has to be made."""
    if not _needs_hold(write):
        return None
    held = None if row is None else Held(version=row["version"], live=not row["deleted"])
    refused = refusal(write, held)
    if refused is not None or row is None:
        return refused
    idle = isinstance(write, Keep) or (isinstance(write, Delete) and row["deleted"])
    return _written(row, changed=False) if idle else None


async def _write(
    connection: Connection, namespace: str, xid: int, writes: Sequence[Write]
) -> dict[str, Written]:
    """What was changed, by coordinate; in the order of the writes, upserts first."""
    upserts = [write for write in writes if isinstance(write, Upsert)]
    burials = [write.coordinate.text for write in writes if isinstance(write, Delete)]
    rows: list[Mapping[str, Any]] = []
    if upserts:
        columns = _columns(namespace, upserts)
        rows += await connection.fetch(
            _SQL["upsert"], namespace, *columns, xid, _only_absent(upserts)
        )
    if burials:
        rows += await connection.fetch(_SQL["bury"], namespace, burials, xid)
    written = {row["coord"]: _written(row) for row in rows}
    if written:
        await connection.execute(
            _SQL["log_changes"], namespace, list(written), [w.event_id for w in written.values()]
        )
    return written


def _needs_hold(write: Write) -> bool:
    """Upserts without `If-Match` are decided by the insert itself."""
    if not isinstance(write, Upsert):
        return True
    return write.precondition is not None and write.precondition.version is not None


def _only_absent(upserts: Iterable[Upsert]) -> list[str]:
    return [u.coordinate.text for u in upserts if u.precondition and u.precondition.absent]


def _columns(namespace: str, upserts: Iterable[Upsert]) -> list[list[object]]:
    """The arrays `upsert` takes, $2 to $17."""
    rows = [
        (
            u.coordinate.text,
            memory_id(namespace, u.coordinate),
            u.draft.kind.value,
            payload_text(u.draft.payload),
            u.text,
            u.draft.text is not None,
            u.draft.importance,
            tags_json(u.draft.tags),
            u.draft.session,
            u.draft.source,
            u.draft.occurred_at,
            u.draft.expires_at,
            u.draft.pinned,
            u.content_key,
            u.model_revision,
            vector_bytes(u.vector),
        )
        for u in upserts
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _written(row: Mapping[str, Any], *, changed: bool = True) -> Written:
    memory: UUID = plain_uuid(row["id"])
    kind = EventType(row["event_type"])
    return Written(
        coordinate=Coordinate(row["coord"]),
        id=memory,
        version=row["version"],
        position=row["position"],
        event_id=event_id(memory, row["version"], kind),
        type=kind,
        at=row["updated_at"],
        created_at=row["created_at"],
        changed=changed,
    )
