"""Events between bytes and values: one verdict where they are made and where they are read."""

from typing import Final

from sfm_core.errors import TooLarge
from sfm_core.jsontext import dumps, loads
from sfm_events.event import MemoryEvent
from sfm_events.reading import EVENT, event_of, judged_event
from sfm_events.writing import document_of

MAX_EVENT_BYTES: Final = EVENT.size_bytes
"""Of one message's value."""


def decode(raw: bytes) -> MemoryEvent:
    """The event that a message's value stands for.

    Raises:
        MalformedJson, TooLarge: as `jsontext.loads`.
        InvalidInput: it is no event of `schemas/memory.event.json`; every fault with its path.
    """
    return judged_event(loads(raw, limits=EVENT))


def encode(event: MemoryEvent) -> bytes:
    """The value of a message; `decode` gives the same event again.

    Raises:
        TooLarge: more bytes than an event may have.
        InvalidInput: it is none that `decode` would take.
    """
    document = document_of(event)
    event_of(document)
    value = dumps(document)
    if len(value) > MAX_EVENT_BYTES:
        raise TooLarge(f"the event has more than {MAX_EVENT_BYTES} bytes")
    return value


def key_of(event: MemoryEvent) -> bytes:
    """What keeps the events of one memory in order."""
    return str(event.id).encode()
