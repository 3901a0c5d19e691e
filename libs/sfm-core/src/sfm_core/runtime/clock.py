"""The real clock."""

from datetime import UTC, datetime
from typing import final


@final
class SystemClock:
    """A `ports.Clock` that reads the machine's time, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
