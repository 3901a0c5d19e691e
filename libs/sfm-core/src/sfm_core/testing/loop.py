"""Watch that the event loop stays free."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import anyio
import anyio.lowlevel
from anyio.abc import TaskStatus

_TICK_S: Final = 0.002


@dataclass(slots=True)
class Heartbeat:
    """How the loop did while it was watched."""

    worst_s: float = 0.0
    """Longest time, in seconds, for which the loop did not come round."""
    beats: int = 0


@asynccontextmanager
async def responsive_loop(within_s: float) -> AsyncGenerator[Heartbeat]:
    """Watch the loop while the block runs; fail when it was away for longer than `within_s`.

    Sees any cause: blocking calls, CPU work, a thread that keeps the interpreter lock. On a
    machine busy with other work the gap counts that too, so allow for it.

    Raises:
        AssertionError: at the end of the block, naming the worst gap. Not when the block
            itself failed.
    """
    heartbeat = Heartbeat()
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(_beat, heartbeat)
            yield heartbeat
            await anyio.sleep(2 * _TICK_S)  # let a gap that just ended be seen
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        [error] = group.exceptions  # the block's own; the heartbeat cannot fail
        raise error from None
    if heartbeat.worst_s > within_s:
        raise AssertionError(
            f"the event loop was blocked for {heartbeat.worst_s * 1000:.0f} ms, "
            f"allowed are {within_s * 1000:.0f} ms"
        )


async def _beat(
    heartbeat: Heartbeat, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    await anyio.lowlevel.checkpoint()
    task_status.started()
    last = perf_counter()
    while True:
        await anyio.sleep(_TICK_S)
        now = perf_counter()
        heartbeat.worst_s = max(heartbeat.worst_s, now - last - _TICK_S)
        heartbeat.beats += 1
        last = now
