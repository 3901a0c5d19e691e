"""Instants as PostgreSQL holds them: exactly, from the first of year 1 to the last of 9999.

The driver's own codec takes the first and the last microsecond that Python knows for minus and
plus infinity, and gives infinities back without an offset.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL's."""
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_FIRST_TICK: Final = (_FIRST - _EPOCH) // _MICROSECOND
_LAST_TICK: Final = (_LAST - _EPOCH) // _MICROSECOND


async def hold_exactly(connection: "asyncpg.Connection[Any]") -> None:
    """Let this connection take and give every timezone-aware instant as it is."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=ticks, decoder=instant, format="tuple"
    )


def ticks(at: datetime) -> tuple[int]:
    """Whole microseconds from PostgreSQL's epoch to `at` (timezone-aware)."""
    return ((at - _EPOCH) // _MICROSECOND,)


def instant(raw: tuple[int]) -> datetime:
    """The instant, in UTC; infinities, and what lies beyond Python's years, as the nearest."""
    return _EPOCH + timedelta(microseconds=min(max(raw[0], _FIRST_TICK), _LAST_TICK))
