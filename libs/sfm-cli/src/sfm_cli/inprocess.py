"""HTTP to an ASGI application in this process: bodies flow both ways as over a socket."""

from collections.abc import AsyncIterator
from typing import Any, Final, final, override

import anyio
import anyio.abc
import httpx
from starlette.types import ASGIApp, Message, Scope

_AHEAD: Final = 2
"""Pieces of an answer that wait for their reader."""


@final
class InProcessTransport(httpx.AsyncBaseTransport):
    """Runs each request as a task of `tasks`; what the application raises, the caller gets.

    Request bodies are read when the application asks for more, answers are made as they are
    read: neither is ever held whole, and an answer may come before the body was sent.
    """

    def __init__(self, app: ASGIApp, tasks: anyio.abc.TaskGroup) -> None:
        self._app = app
        self._tasks = tasks

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(request)
        self._tasks.start_soon(exchange.run, self._app)
        try:
            await exchange.started.wait()
        except BaseException:  # also when cancelled: the task is ended, and it goes on
            await exchange.aclose()
            raise
        if exchange.failure is not None:
            raise exchange.failure
        return httpx.Response(exchange.status, headers=exchange.headers, stream=exchange)


@final
class _Exchange(httpx.AsyncByteStream):
    """One request and its answer."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._body: AsyncIterator[bytes] | None = None
        self._sent = False
        self._running = anyio.CancelScope()
        self._closed = anyio.Event()
        self._pieces, self._reading = anyio.create_memory_object_stream[bytes](_AHEAD)
        self.started = anyio.Event()
        self.failure: Exception | None = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []

    async def run(self, app: ASGIApp) -> None:
        try:
            with self._running:
                await app(_scope(self._request), self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - handed to who waits for the answer
            self.failure = error
        finally:
            if not self.started.is_set() and self.failure is None:
                self.failure = httpx.RemoteProtocolError("there was no answer")
            self._pieces.close()
            self.started.set()

    async def _receive(self) -> Message:
        if self._sent:
            await self._closed.wait()
            return {"type": "http.disconnect"}
        if self._body is None:
            stream = self._request.stream
            if not isinstance(stream, httpx.AsyncByteStream):
                raise TypeError("the body is not to be read asynchronously")
            self._body = aiter(stream)
        piece = await anext(self._body, None)
        self._sent = piece is None
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
            self.started.set()
        elif message.get("body") and self._request.method != "HEAD":
            try:
                await self._pieces.send(message["body"])
            except anyio.BrokenResourceError:
                self._running.cancel()  # nobody reads on

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._reading:
            yield piece
        if self.failure is not None:
            raise self.failure

    @override
    async def aclose(self) -> None:
        self._closed.set()
        self._running.cancel()
        self._reading.close()


def _scope(request: httpx.Request) -> Scope:
    url = request.url
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 0),
        "server": (url.host, url.port),
    }
    return scope
