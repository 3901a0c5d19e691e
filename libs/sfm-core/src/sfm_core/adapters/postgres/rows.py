"""Rows to values and back."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import numpy as np
import orjson

from sfm_core import jsontext
from sfm_core.coordinates import Coordinate
from sfm_core.model import F32, Kind, Memory, MemoryDraft, ViewRow
from sfm_core.offload import INLINE_CHARS, off_loop
from sfm_core.slab.vectors import UNIT_TOLERANCE

_LOG: Final = logging.getLogger(__name__)
_FLOAT32: Final = np.dtype("<f4")


def is_cut(rows: Sequence[Mapping[str, Any]], limit: int) -> bool:
    """Whether more was found than the first `limit` of these rows, which are of a window."""
    return bool(rows) and rows[0]["there"] > min(len(rows), limit)


def tags_json(tags: Sequence[str]) -> str:
    return jsontext.dumps(tags).decode()


def plain_uuid(value: UUID) -> UUID:
    """The driver's own kind of UUID as the standard library's, which orjson can write."""
    return UUID(int=value.int)


def vector_bytes(vector: F32) -> bytes:
    """Little-endian float32, in order."""
    return np.ascontiguousarray(vector, dtype=_FLOAT32).tobytes()


def memory_of(row: Mapping[str, Any]) -> Memory:
    """A row of `memories`."""
    draft = MemoryDraft(
        payload=orjson.loads(row["payload"]),
        kind=Kind(row["kind"]),
        text=row["text"] if row["text_given"] else None,
        importance=row["importance"],
        tags=tuple(row["tags"]),
        session=row["session"],
        source=row["source"],
        occurred_at=row["occurred_at"],
        expires_at=row["expires_at"],
        pinned=row["pinned"],
    )
    return Memory(
        namespace=row["namespace"],
        coordinate=Coordinate(row["coord"]),
        id=plain_uuid(row["id"]),
        version=row["version"],
        position=row["position"],
        draft=draft,
        text=row["text"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def memories_of(rows: Sequence[Mapping[str, Any]]) -> list[Memory]:
    """Rows of `memories`, decoded on a thread when they are large."""
    chars = sum(len(row["payload"]) + len(row["text"]) for row in rows)
    return await off_loop(lambda: [memory_of(row) for row in rows], when=chars > INLINE_CHARS)


def vector_of(row: Mapping[str, Any], dim: int | None) -> F32 | None:
    """The row's vector, shape (dim,); None when it has none, or one that is none.

    The latter is logged: it is an operator's matter, and no reason to lose the whole namespace.
    """
    raw = row["vector"]
    if raw is None:
        return None
    size = len(raw) if dim is None else dim * _FLOAT32.itemsize
    if len(raw) == size and size % _FLOAT32.itemsize == 0:
        vector: F32 = np.frombuffer(raw, dtype=_FLOAT32)
        square = float(np.vdot(vector, vector))
        if abs(square - 1.0) <= UNIT_TOLERANCE:  # not so for what is not finite
            return vector
    facts = {"namespace": row["namespace"], "memory": str(row["id"])}
    _LOG.error("vector.damaged", extra=facts)
    return None


def view_row_of(row: Mapping[str, Any], dim: int | None) -> ViewRow:
    """A row of `memories` with its vector, or a tombstone."""
    if row["deleted"]:
        return ViewRow(
            namespace=row["namespace"],
            id=plain_uuid(row["id"]),
            coordinate=Coordinate(row["coord"]),
            version=row["version"],
            position=row["position"],
            deleted=True,
        )
    return ViewRow(
        namespace=row["namespace"],
        id=plain_uuid(row["id"]),
        coordinate=Coordinate(row["coord"]),
        version=row["version"],
        position=row["position"],
        kind=Kind(row["kind"]),
        payload=row["payload"],
        text=row["text"],
        source=row["source"],
        session=row["session"],
        tags=tuple(row["tags"]),
        importance=row["importance"],
        occurred_at=row["occurred_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        pinned=row["pinned"],
        vector=vector_of(row, dim),
    )
