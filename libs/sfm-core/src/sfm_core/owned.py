"""Background tasks that belong to a context manager."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.abc


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
            except BaseException as error:
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
