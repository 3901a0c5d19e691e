"""What every document is made of."""

from datetime import UTC, datetime

type Document = dict[str, object]


def instant(at: datetime) -> str:
    """E.g. `2026-05-01T12:00:00.000000Z`; `at` is timezone-aware."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}Z"


def maybe(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
