"""Cursors: where the last page ended, opaque to callers."""

import base64
import binascii
import math
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sfm_core.errors import InvalidInput
from sfm_core.times import microseconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
START: Final = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
"""Before every memory."""
_PLACE: Final = struct.Struct(">cd16s")
_RANGE: Final = b"r"
_NO_CURSOR: Final = "this is not a cursor of this store"


def encode_cursor(created_at: datetime, memory: UUID) -> str:
    """The place right behind this memory."""
    raw = microseconds(created_at).to_bytes(8, "big", signed=True) + memory.bytes
    return base64.urlsafe_b64encode(raw).decode()


def decode_cursor(cursor: str | None) -> tuple[datetime, UUID]:
    """The place a cursor names; the start for None.

    Raises:
        InvalidInput: it is not a cursor that `encode_cursor` made.
    """
    if cursor is None:
        return START
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        memory = UUID(bytes=raw[8:])
        at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big", signed=True))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidInput(_NO_CURSOR, path="/cursor") from error
    return at, memory


def encode_place(axis: float, memory: UUID) -> str:
    """The place right behind this memory in a range, whose first axis this is."""
    return base64.urlsafe_b64encode(_PLACE.pack(_RANGE, axis, memory.bytes)).decode()


def decode_place(cursor: str | None, *, start: float) -> tuple[float, UUID]:
    """The place a range's cursor names, but not before `start`, where the range begins.

    Raises:
        InvalidInput: it is not a cursor that `encode_place` made.
    """
    first = start, UUID(int=0)
    if cursor is None:
        return first
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        tag, axis, memory = _PLACE.unpack(raw)
    except (ValueError, struct.error, binascii.Error) as error:
        raise InvalidInput(_NO_CURSOR, path="/cursor") from error
    if tag != _RANGE or not math.isfinite(axis):
        raise InvalidInput(_NO_CURSOR, path="/cursor")
    return max(first, (axis, UUID(bytes=memory)))
