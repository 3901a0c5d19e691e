"""Server-sent events: a response that follows the log until somebody has had enough."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, final, override

import anyio
import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sfm_api.guards import Gate
from sfm_core import encode, jsontext
from sfm_core.errors import Unavailable
from sfm_core.model import Event, EventPage
from sfm_core.runtime.lifecycle import STOPPING

MEDIA: Final = "text/event-stream"
LIFE_S: Final = 3600.0
"""After which a stream ends, for the client to come back: none outlives its credential by more."""
IDLE_S: Final = 10.0
"""Between two comments that keep a quiet connection open; below the deadline of a call."""
_RETRY: Final = b"retry: 1000\n\n"
_QUIET: Final = b": quiet\n\n"


@final
class EventStream(Response):
    """Each event with its position as `id`, its type as `event`, its document as `data`.

    Ends when the client goes, reads too slowly (the deadline of the call holds between two
    pieces), after `LIFE_S`, when the process stops, or when the store does not answer: whoever
    asks again with the last `id` has missed nothing.
    """

    media_type = MEDIA

    def __init__(self, pages: AsyncGenerator[EventPage], *, gate: Gate) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._pages = pages
        self._gate = gate

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._stream(scope, receive, send)
        finally:
            self._gate.leave()

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _piece(send, _RETRY)
        stopping: anyio.Event | None = scope.get("extensions", {}).get(STOPPING)
        async with anyio.create_task_group() as tasks:
            tasks.cancel_scope.deadline = anyio.current_time() + LIFE_S
            tasks.start_soon(self._send_pages, send, tasks.cancel_scope)
            tasks.start_soon(_gone, receive, tasks.cancel_scope)
            if stopping is not None:
                await stopping.wait()
                tasks.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _send_pages(self, send: Send, whole: anyio.CancelScope) -> None:
        try:
            async with aclosing(self._pages) as pages:
                async for page in pages:
                    await _piece(send, await _text(page))
        except Unavailable:
            whole.cancel()


async def _gone(receive: Receive, whole: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    whole.cancel()


async def _piece(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _text(page: EventPage) -> bytes:
    if not page.events:
        return _QUIET
    return await anyio.to_thread.run_sync(lambda: b"".join(map(_record, page.events)))


def _record(event: Event) -> bytes:
    data = jsontext.dumps(encode.event(event))
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.position, event.type.value.encode(), data)
