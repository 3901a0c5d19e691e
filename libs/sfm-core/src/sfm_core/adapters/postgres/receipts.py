"""Idempotency keys: claimed, kept and replayed inside the write's own transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Corrupt, KeyReused, NotFound, PreconditionFailed, SfmError
from sfm_core.model import EventType, Receipt, WriteOutcome, Written

_SQL: Final = load_queries("writes")
_FAILURES: Final[Mapping[str, type[SfmError]]] = {
    str(cls.kind): cls for cls in (NotFound, PreconditionFailed)
}


async def claim(
    connection: "asyncpg.pool.PoolConnectionProxy[Any]", namespace: str, receipt: Receipt
) -> tuple[WriteOutcome, ...] | None:
    """None when the key is now ours; else what its first request did.

    Waits for a concurrent transaction that holds the key.

    Raises:
        KeyReused: the key stands for another request.
    """
    row = None
    while row is None:  # an old one may be swept between its sight and its reading
        if await connection.fetchval(
            _SQL["claim_receipt"], namespace, receipt.key, receipt.fingerprint
        ):
            return None
        row = await connection.fetchrow(_SQL["read_receipt"], namespace, receipt.key)
    if row["outcomes"] is None:
        raise Corrupt("a receipt was committed without its outcome", key=receipt.key)
    if row["fingerprint"] != receipt.fingerprint:
        raise KeyReused("this idempotency key came with another request", path="/idempotency-key")
    return tuple(_outcome_of(item) for item in orjson.loads(row["outcomes"]))


async def keep(
    connection: "asyncpg.pool.PoolConnectionProxy[Any]",
    namespace: str,
    receipt: Receipt,
    outcomes: Sequence[WriteOutcome],
) -> None:
    """Write the outcomes under a claimed key."""
    text = orjson.dumps([_record_of(outcome) for outcome in outcomes]).decode()
    await connection.execute(_SQL["keep_receipt"], namespace, receipt.key, text)


def _record_of(outcome: WriteOutcome) -> dict[str, object]:
    if isinstance(outcome, SfmError):
        return {"error": outcome.kind, "detail": outcome.detail, "context": outcome.context}
    return {
        "coordinate": outcome.coordinate.text,
        "id": str(outcome.id),
        "version": outcome.version,
        "position": outcome.position,
        "event_id": str(outcome.event_id),
        "type": outcome.type,
        "at": outcome.at.isoformat(),
        "created_at": outcome.created_at.isoformat(),
        "changed": outcome.changed,
    }


def _outcome_of(record: Mapping[str, Any]) -> WriteOutcome:
    if "error" in record:
        return _FAILURES[record["error"]](record["detail"], **record["context"])
    return Written(
        coordinate=Coordinate(record["coordinate"]),
        id=UUID(record["id"]),
        version=record["version"],
        position=record["position"],
        event_id=UUID(record["event_id"]),
        type=EventType(record["type"]),
        at=datetime.fromisoformat(record["at"]),
        created_at=datetime.fromisoformat(record["created_at"]),
        changed=record["changed"],
    )
