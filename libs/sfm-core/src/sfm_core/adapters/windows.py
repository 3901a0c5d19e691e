"""How large a page of memories or events may be; shared by all stores."""

from collections.abc import Callable, Iterable
from typing import Final

from sfm_core.adapters.write_rules import payload_text
from sfm_core.model import Event, Memory

PAGE_BYTES: Final = 4 * 1024 * 1024
"""Of payloads and texts, or bodies of events: a page ends with the row that passes it."""


def fitting[T](rows: Iterable[T], size: Callable[[T], int], limit: int) -> list[T]:
    """The first rows, at most `limit`, up to the one that passes `PAGE_BYTES`."""
    page: list[T] = []
    taken = 0
    for row in rows:
        if len(page) == limit or taken >= PAGE_BYTES:
            break
        page.append(row)
        taken += size(row)
    return page


def memory_bytes(memory: Memory) -> int:
    return len(payload_text(memory.draft.payload).encode()) + len(memory.text.encode())


def event_bytes(event: Event) -> int:
    return len(event.coordinate.text) + (0 if event.memory is None else memory_bytes(event.memory))
