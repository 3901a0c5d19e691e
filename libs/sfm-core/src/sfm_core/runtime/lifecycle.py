"""The same life for every process: run, be told to stop, drain, end."""

import signal
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.abc import TaskStatus

from sfm_core.errors import SfmError

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
STOPPING: Final = "sfm.stopping"
"""Under this name a request's ASGI extensions may hold the event that the server stops by: an
answer without an end of its own ends by it."""


class DrainTimeout(SfmError):
    """The grace period ended, or a second signal came, while work was still going on."""


async def run_until_stopped(
    body: Callable[[anyio.Event], Awaitable[None]], *, grace_s: float
) -> None:
    """Run `body(stopping)`; set `stopping` on SIGTERM or SIGINT and allow `grace_s` to drain.

    A second signal ends the grace period at once. Returns when `body` does; what `body` raises
    is raised as it is. `body` gets a task of its own: on Python 3.12 Hypercorn's `serve`
    returns with a pending cancellation in its task. Work on threads that cannot be cancelled
    is waited for.

    Raises:
        DrainTimeout: `body` was still running when the grace period ended.
    """
    stopping, drained = anyio.Event(), False

    async def run() -> None:
        nonlocal drained
        await body(stopping)
        drained = True
        tasks.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(_watch_signals, stopping, tasks.cancel_scope, grace_s)
            tasks.start_soon(run)
    except BaseExceptionGroup as group:
        [error] = group.exceptions  # only `run` can fail
        raise error from None
    if not drained:
        raise DrainTimeout(f"still busy {grace_s:g} s after the stop signal")


async def _watch_signals(
    stopping: anyio.Event,
    scope: anyio.CancelScope,
    grace_s: float,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        task_status.started()
        async for _ in signals:
            if stopping.is_set():
                scope.cancel()
            stopping.set()
            scope.deadline = anyio.current_time() + grace_s
