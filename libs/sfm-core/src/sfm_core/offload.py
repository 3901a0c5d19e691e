"""Pure work that would hold the event loop, done on a thread when there is much of it."""

from collections.abc import Callable
from typing import Any, Final

import anyio.lowlevel
import anyio.to_thread

INLINE_ITEMS: Final = 1
"""A batch goes to a thread, a single memory does not: it is worth less than the way there."""
INLINE_CHARS: Final = 64 * 1024
"""So much JSON text is read in well under a millisecond."""


async def off_loop[T](work: Callable[[], T], *, when: bool) -> T:
    """What `work` gives: from a thread `when` it is much, else from here after one checkpoint.

    `work` must own what it touches: a caller that is cancelled leaves it running.
    """
    if when:
        return await anyio.to_thread.run_sync(work)
    await anyio.lowlevel.checkpoint()
    return work()


async def taken_apart(items: list[Any]) -> None:
    """Empty a list that nobody needs any more.

    A large batch is a million objects, and Python frees what is let go of in one piece: a single
    thread's `return` would hold the event loop for as long.
    """
    if len(items) > INLINE_ITEMS:
        await anyio.to_thread.run_sync(_emptied, items)


def _emptied(items: list[Any]) -> None:
    while items:
        items.pop()
