"""An ASGI application on a port of this machine."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from sfm_core.runtime.http_server import serve_http


@asynccontextmanager
async def on_a_port(app: ASGIApp, *, drain_s: float = 1.0) -> AsyncGenerator[int]:
    """The port; what is under way when the block ends has `drain_s` to end."""
    stopping = anyio.Event()

    async def run(*, task_status: TaskStatus[int]) -> None:
        await serve_http(
            app,
            host="127.0.0.1",
            port=0,
            stopping=stopping,
            drain_s=drain_s,
            task_status=task_status,
        )

    async with anyio.create_task_group() as tasks:
        yield await tasks.start(run)
        stopping.set()
