"""Links that came before what they join, on their way once more.

Memories and links have keys of their own, so they are in any partitions and in no order.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from sfm_core.decode.instants import instant as instant_of
from sfm_core.encode.values import instant
from sfm_events.dead_letters import original_headers, root_of, said_of
from sfm_events.ports import Message, Record

FIRST_AT: Final = "sfm-first-at"
SINCE: Final = "sfm-waits-since"
TRIES: Final = "sfm-tries"
ROOT: Final = "sfm-root"
FIRST_PAUSE_S: Final = 0.1
MOST_PAUSE_S: Final = 0.5
_MOST_TRIES: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What is known of a record that may have been put back before."""

    first_at: datetime
    """When the transport first took it; never after it took this copy."""
    since: datetime | None = None
    """When it was first put back; None: never."""
    tries: int = 0

    @classmethod
    def of(cls, record: Record) -> Self:
        """Anybody can write headers: what they claim only lets a record wait less."""
        said = said_of(record)
        first_at = _instant(said.get("first-at"))
        since = _instant(said.get("waits-since"))
        tries = said.get("tries", "")
        is_count = tries.isascii() and tries.isdigit() and len(tries) <= len(str(_MOST_TRIES))
        return cls(
            first_at=record.at if first_at is None else min(first_at, record.at),
            since=None if since is None else min(since, record.at),
            tries=int(tries) if is_count else 0,
        )

    def is_over(self, now: datetime, bound_s: float) -> bool:
        """Whether it was put back for so long; counted from then and not from its publishing,
        as what it waits for may be in the same backlog.
        """
        waited_s = 0.0 if self.since is None else (now - self.since).total_seconds()
        return waited_s >= bound_s

    def pause_s(self) -> float:
        """Before it is put back: the longer, the more often that was in vain."""
        return min(MOST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self.tries, 10))

    def put_back(self, record: Record, now: datetime) -> Message:
        """The same bytes for the end of the same topic."""
        said = {
            FIRST_AT: instant(self.first_at),
            SINCE: instant(self.since or now),
            TRIES: str(min(self.tries + 1, _MOST_TRIES)),
        }
        return Message(
            topic=record.partition.topic,
            key=record.key or b"",
            value=record.value or b"",
            headers=(
                (ROOT, root_of(record).encode()),
                *((name, value.encode()) for name, value in said.items()),
                *original_headers(record.headers),
            ),
        )


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else instant_of(text)
    except ValueError:
        return None
