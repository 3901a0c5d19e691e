"""Instants as integers: microseconds since 1970-01-01T00:00Z."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Whole microseconds from the epoch to `at` (timezone-aware), exactly."""
    return (at - _EPOCH) // _MICROSECOND
