"""What is kept of a record that can never succeed: its bytes, and why."""

from datetime import datetime
from typing import Final

from sfm_core.encode.values import instant
from sfm_events.ports import Headers, Message, Record

PREFIX: Final = "sfm-"
"""Of the headers that a dead letter adds."""
_REASON_BYTES: Final = 1000


def dlq_of(topic: str) -> str:
    """Where the dead letters of a topic go."""
    return f"{topic}.dlq"


def dead_letter(record: Record, reason: str, *, consumer: str, at: datetime) -> Message:
    """The record as it was, with headers that say why, whence, by whom and when.

    They are `sfm-reason`, `-topic`, `-partition`, `-offset`, `-consumer` and `-at`. What an
    earlier dead letter said of it is left out.
    """
    said = {
        "reason": reason.encode("utf-8", "replace")[:_REASON_BYTES],
        "topic": record.partition.topic.encode(),
        "partition": str(record.partition.number).encode(),
        "offset": str(record.offset).encode(),
        "consumer": consumer.encode(),
        "at": instant(at).encode(),
    }
    added = tuple((PREFIX + name, value) for name, value in said.items())
    return Message(
        topic=dlq_of(record.partition.topic),
        key=record.key or b"",
        value=record.value or b"",
        headers=added + original_headers(record.headers),
    )


def revived(record: Record, topic: str) -> Message:
    """The record as it was before it became a dead letter, for its topic."""
    return Message(
        topic=topic,
        key=record.key or b"",
        value=record.value or b"",
        headers=original_headers(record.headers),
    )


def original_headers(headers: Headers) -> Headers:
    return tuple(one for one in headers if not one[0].startswith(PREFIX))


def said_of(record: Record) -> dict[str, str]:
    """What a dead letter says of itself, by name without the prefix."""
    return said_in(record.headers)


def said_in(headers: Headers) -> dict[str, str]:
    """The same of the headers alone; the first of each name counts."""
    said: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(PREFIX):
            said.setdefault(name.removeprefix(PREFIX), value.decode("utf-8", "replace"))
    return said
