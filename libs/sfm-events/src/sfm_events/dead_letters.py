"""What is kept of a record that can never succeed: its bytes, and why."""

from datetime import datetime
from hashlib import sha256
from typing import Final

from sfm_core.encode.values import instant
from sfm_events.ports import Headers, Message, Record

PREFIX: Final = "sfm-"
"""Of the headers that a dead letter adds."""
_REASON_BYTES: Final = 1000
_CUT: Final = "too large to keep whole"
_CUT_BYTES: Final = 16 * 1024
_CUT_KEY_BYTES: Final = 1024
_ROOT_CHARS: Final = 400
"""More than any place has: anybody can send a header of this name."""


def dlq_of(topic: str) -> str:
    """Where the dead letters of a topic go."""
    return f"{topic}.dlq"


def dead_letter(record: Record, reason: str, *, consumer: str, at: datetime) -> Message:
    """The record as it was, with headers that say why, whence, by whom and when.

    They are `sfm-reason`, `-topic`, `-partition`, `-offset`, `-consumer`, `-at` and `-root`: where
    the record was before it was put back for the first time. What else an earlier dead letter
    said of it is left out.
    """
    said = {
        "reason": reason.encode("utf-8", "replace")[:_REASON_BYTES],
        "topic": record.partition.topic.encode(),
        "partition": str(record.partition.number).encode(),
        "offset": str(record.offset).encode(),
        "consumer": consumer.encode(),
        "at": instant(at).encode(),
        "root": root_of(record).encode(),
    }
    added = tuple((PREFIX + name, value) for name, value in said.items())
    return Message(
        topic=dlq_of(record.partition.topic),
        key=record.key or b"",
        value=record.value or b"",
        headers=added + original_headers(record.headers),
    )


def cut(letter: Message) -> Message:
    """What is kept of a letter that is too large: the head of its record, and what to know it by.

    `sfm-bytes` and `sfm-sha256` are of its whole value; it can still be where it was.
    """
    said = said_in(letter.headers)
    said["reason"] = f"{said.get('reason', '')[: _REASON_BYTES // 8]} ({_CUT})"
    said["bytes"] = str(len(letter.value))
    said["sha256"] = sha256(letter.value).hexdigest()
    return Message(
        topic=letter.topic,
        key=letter.key[:_CUT_KEY_BYTES],
        value=letter.value[:_CUT_BYTES],
        headers=tuple((PREFIX + name, value.encode()) for name, value in said.items()),
    )


def is_cut(record: Record) -> bool:
    """Whether a dead letter holds only a part of its record."""
    return "sha256" in said_of(record)


def root_of(record: Record) -> str:
    """Where a record, or that of a dead letter, was before it was put back for the first time."""
    said = said_of(record)
    place = record.partition.topic, str(record.partition.number), str(record.offset)
    names = ("topic", "partition", "offset")
    here = "/".join(said.get(name, own) for name, own in zip(names, place, strict=True))
    return said.get("root", here)[:_ROOT_CHARS]


def revived(record: Record, topic: str) -> Message:
    """The record as it was before it became a dead letter, for its topic; with its root."""
    return Message(
        topic=topic,
        key=record.key or b"",
        value=record.value or b"",
        headers=((PREFIX + "root", root_of(record).encode()), *original_headers(record.headers)),
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
