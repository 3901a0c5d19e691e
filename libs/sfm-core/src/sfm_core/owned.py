"""Background tasks that belong to a context manager."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, final

import anyio
import anyio.abc

from sfm_core.errors import SfmError, Unavailable

_LOG: Final = logging.getLogger(__name__)


@asynccontextmanager
async def owned_tasks() -> AsyncGenerator[anyio.abc.TaskGroup]:
    """A task group for the block's own use, cancelled when the block ends.

    What the block raises comes out as it is, not wrapped in a group: the tasks are no affair
    of who uses the block. A task that crashes cancels the block, and its error comes out.
    """
    failure: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            try:
                yield tasks
            except BaseException as error:  # kept, to be raised as it is instead of in a group
                failure = error
                raise
            finally:
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        errors = group.exceptions
        if len(errors) == 1:
            raise errors[0] from errors[0].__cause__
        if failure is not None and failure in errors:
            raise failure from failure.__cause__
        raise


MAX_JOBS: Final = 1024
"""Jobs at once: their callers may all have left, so no gate before them bounds their number."""


@final
class OwnedJobs:
    """Implements `ports.Jobs`: each job runs in a task of the block that opened this.

    So neither anyio's cancellation of who waits nor asyncio's own (`task.cancel()`,
    `asyncio.timeout`), which passes through anyio's shields, can cut a job short. The block
    waits at its end for the jobs that have begun.
    """

    def __init__(self, tasks: anyio.abc.TaskGroup, *, limit: int = MAX_JOBS) -> None:
        self._tasks = tasks
        self._limit = limit
        self._running = 0
        self._is_open = True

    @classmethod
    @asynccontextmanager
    async def open(cls, *, limit: int = MAX_JOBS) -> AsyncGenerator["OwnedJobs"]:
        async with owned_tasks() as tasks:
            jobs = cls(tasks, limit=limit)
            try:
                yield jobs
            finally:
                jobs._is_open = False

    async def run[T](self, job: Callable[[], Awaitable[T]]) -> T:
        """What the job gives or raises; when the waiting caller is cancelled it still ends.

        Raises:
            Unavailable: all is being closed, or too many jobs are going on; nothing was begun.
        """
        self._admit()
        done = anyio.Event()
        results: list[T] = []
        failures: list[Exception] = []
        is_awaited = True

        async def work() -> None:
            try:
                with anyio.CancelScope(shield=True):
                    results.append(await job())
            except Exception as error:  # noqa: BLE001 - handed to the waiting caller
                failures.append(error)
                if not is_awaited and not isinstance(error, SfmError):
                    _LOG.exception("job.failed")
            finally:
                self._running -= 1
                done.set()

        self._running += 1
        self._tasks.start_soon(work)
        try:
            await done.wait()
        finally:
            is_awaited = False
        if failures:
            raise failures[0]
        if not results:
            raise Unavailable("the process is stopping")
        return results[0]

    def start(self, job: Callable[[], Awaitable[object]]) -> None:
        """Begin a job that nobody waits for.

        Raises:
            Unavailable: all is being closed, or too many jobs are going on; nothing was begun.
        """
        self._admit()

        async def work() -> None:
            try:
                with anyio.CancelScope(shield=True):
                    await job()
            except Exception:  # noqa: BLE001 - nobody waits for it who could be told
                _LOG.exception("job.failed")
            finally:
                self._running -= 1

        self._running += 1
        self._tasks.start_soon(work)

    def _admit(self) -> None:
        if not self._is_open:
            raise Unavailable("the process is stopping")
        if self._running >= self._limit:
            raise Unavailable("too many writes are going on; try again", limit=self._limit)
