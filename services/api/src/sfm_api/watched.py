"""The guard that ends a call nobody waits for any more."""

from typing import final

import anyio
import anyio.lowlevel
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfm_core.owned import owned_tasks


@final
class Watched:
    """Cancels a call whose client has left, once its body is in.

    So a recall leaves its queue, its place in the gate and its connection to the store at once.
    A write that has begun is a job of its own (`Commits`) and goes on. While the body is being
    read it is its reader who learns that the client left.
    """

    def __init__(self, app: ASGIApp, *, reads_body: bool) -> None:
        self._app = app
        self._reads_body = reads_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arriving = _Arriving(receive)
        if not self._reads_body:
            await arriving.receive()
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async with owned_tasks() as tasks:

            async def watch() -> None:
                await arriving.until_left()
                call.cancel()

            with anyio.CancelScope() as call:
                tasks.start_soon(watch)
                await self._app(scope, arriving.receive, sending)
        if call.cancelled_caught and not started:
            raise ClientDisconnect


@final
class _Arriving:
    """What the client sends: first its body, to one reader, then that it has left, to all."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = anyio.Event()
        self._left = anyio.Event()

    async def receive(self) -> Message:
        if self._complete.is_set():
            await self._left.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._complete.set()
            self._left.set()
        elif not message.get("more_body", False):
            self._complete.set()
        return message

    async def until_left(self) -> None:
        await self._complete.wait()
        while not self._left.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                self._left.set()
            await anyio.lowlevel.checkpoint()
