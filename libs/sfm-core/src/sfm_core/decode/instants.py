"""Times as people send them: RFC 3339, with an offset."""

import re
from datetime import UTC, datetime
from typing import Final

WANTED: Final = "must be an RFC 3339 time with an offset, such as 2026-05-01T12:00:00Z"
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,12})?"
    r"(?:([Zz])|([+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))"
)
_MICROSECOND_CHARS: Final = 7


def instant(text: str) -> datetime:
    """The instant, in UTC. Digits beyond the microsecond are cut off.

    Raises:
        ValueError: not such a time, a leap second, or outside the years 1 to 9999 in UTC.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(WANTED)
    day, time, fraction, _, offset = match.groups(default="")
    try:
        local = datetime.fromisoformat(
            f"{day}T{time}{fraction[:_MICROSECOND_CHARS]}{offset or '+00:00'}"
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that exists, in the years 1 to 9999 (UTC)") from None
