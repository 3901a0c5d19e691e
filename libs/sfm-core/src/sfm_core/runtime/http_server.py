"""Serving the app on a socket: Hypercorn, with its traps handled.

Hypercorn 0.18 does not keep its own graceful timeout on Python 3.12 and later, returns with a
pending cancellation in its task on 3.12, and hangs a connection whose request was answered
before its body was read, when more of the body than its queue holds is on the way. It also
keeps a connection that its client has closed until the time for idle ones (75 s) is over.
"""

import errno
import logging
import socket
from typing import Final, final

import anyio
import hypercorn.asyncio.run
from anyio.abc import TaskStatus
from hypercorn.asyncio import serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.events import Event, Updated
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfm_core.errors import Misconfigured
from sfm_core.runtime.lifecycle import STOPPING

log = logging.getLogger(__name__)

_BACKLOG: Final = 512
_CUT_S: Final = 1.0
"""What a cancelled request gets to say so, before its connection is dropped."""


async def serve_http(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    stopping: anyio.Event,
    drain_s: float,
    linger_s: float = 2.0,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stopping` is set; give what is in flight `drain_s` to finish, then cut it.

    Reports the port it listens on through `task_status` (port 0 takes a free one); the socket
    takes connections from then on. Returns within `drain_s` and about a second. A client that
    is answered before its body was read has `linger_s` to finish sending it.

    Raises:
        Misconfigured: the address cannot be listened on, for example because it is in use.
    """
    listener = _bound(host, port)
    bound_port: int = listener.getsockname()[1]
    config = _config(listener.detach())
    requests = _Requests(app, linger_s, stopping)

    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            await serve(requests, config, shutdown_trigger=stopping.wait)  # type: ignore[arg-type]
            tasks.cancel_scope.cancel()

        tasks.start_soon(run)
        task_status.started(bound_port)
        log.info("http.listening", extra={"host": host, "port": bound_port})
        await stopping.wait()
        await anyio.sleep(drain_s)
        requests.cut()
        await anyio.sleep(_CUT_S)
        log.warning("http.aborted", extra={"drain_s": drain_s})
        tasks.cancel_scope.cancel()


@final
class _PromptServer(TCPServer):
    """Hypercorn's connection, closed as soon as its client closed it and its calls have ended.

    Otherwise its timer for idle connections holds it, and the file, for 75 s more.
    """

    _ended = False

    async def _read_data(self) -> None:
        await super()._read_data()
        self._ended = True
        await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        if not (self._ended and isinstance(event, Updated)):
            await super().protocol_send(event)


# `serve` makes its connections from this name and takes no other.
hypercorn.asyncio.run.TCPServer = _PromptServer  # type: ignore[attr-defined]


@final
class _Requests:
    """The app, with each request in a scope that a stop can cut, and its body always drained."""

    def __init__(self, app: ASGIApp, linger_s: float, stopping: anyio.Event) -> None:
        self._app = app
        self._linger_s = linger_s
        self._stopping = stopping
        self._running: set[anyio.CancelScope] = set()
        self._cut = False

    def cut(self) -> None:
        """Cancel what is running; each such request is answered 503 if nothing was sent yet."""
        self._cut = True
        for scope in self._running:
            scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._linger_s)
        scope["extensions"] = {**(scope.get("extensions") or {}), STOPPING: self._stopping}
        with anyio.CancelScope() as running:
            self._running.add(running)
            try:
                if self._cut:
                    running.cancel()
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                self._running.discard(running)
        if running.cancelled_caught and not exchange.started:
            stopped = Response(status_code=503, headers={"Retry-After": "1", "Connection": "close"})
            await stopped(scope, exchange.receive, exchange.send)


@final
class _Exchange:
    """One request and its answer, which lingers until the client has sent what it was sending.

    Hypercorn puts body chunks on a bounded queue and, after the answer, one more message: with
    a full queue and nobody reading, the connection would stay for ever. And closing on a client
    that still sends resets the connection, which can take the answer with it. So an answer that
    comes early is sent at once but ended only when the body is in, or after `linger_s`.
    """

    def __init__(self, receive: Receive, send: Send, linger_s: float) -> None:
        self._receive = receive
        self._send = send
        self._linger_s = linger_s
        self._complete = False
        self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._complete = self._complete or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        self.started = True
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not last or self._complete:
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        with anyio.move_on_after(self._linger_s):
            while not self._complete:
                await self.receive()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._discard)
            await self._send({"type": "http.response.body", "body": b""})
            tasks.cancel_scope.cancel()

    async def _discard(self) -> None:
        while not self._complete:
            await self.receive()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"fails: {error.strerror}"
        raise Misconfigured(f"listening on {host} port {port} {reason}", port=port) from error


def _config(listener: int) -> Config:
    config = Config()
    config.bind = [f"fd://{listener}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.keep_alive_timeout = 75.0
    config.keep_alive_max_requests = 1_000_000
    config.backlog = _BACKLOG
    return config
