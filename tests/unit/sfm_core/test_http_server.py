"""`serve_http` over real sockets, with small apps."""

import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import httpx
import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sfm_core.errors import Misconfigured
from sfm_core.runtime.http_server import serve_http


@dataclass
class Served:
    port: int
    stopping: anyio.Event
    stopped: anyio.Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(
    app: ASGIApp, *, drain_s: float = 5.0, linger_s: float = 2.0
) -> AsyncGenerator[Served]:
    """`app` on a free port; stopped at the end, within seconds."""
    stopping, stopped = anyio.Event(), anyio.Event()
    serve = partial(
        serve_http,
        app,
        host="127.0.0.1",
        port=0,
        stopping=stopping,
        drain_s=drain_s,
        linger_s=linger_s,
    )

    async def run(*, task_status: anyio.abc.TaskStatus[int]) -> None:
        await serve(task_status=task_status)
        stopped.set()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            port: int = await tasks.start(run)
            yield Served(port, stopping, stopped)
            stopping.set()


def app_with(handler: Callable[[Request], object]) -> Starlette:
    return Starlette(routes=[Route("/", handler, methods=["GET", "POST"])])


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def test_it_takes_a_free_port_and_answers() -> None:
    async with served(app_with(hello)) as server, httpx.AsyncClient() as client:
        answer = await client.get(server.url)
    assert answer.text == "hello"
    assert "server" not in answer.headers


async def test_a_taken_port_is_a_clear_fault_of_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"127.0.0.1 port {port} is in use"):
            await serve_http(
                app_with(hello),
                host="127.0.0.1",
                port=port,
                stopping=anyio.Event(),
                drain_s=1.0,
            )


async def test_a_stop_lets_a_running_request_finish() -> None:
    began, release = anyio.Event(), anyio.Event()

    async def slow(_: Request) -> Response:
        began.set()
        await release.wait()
        return PlainTextResponse("done")

    answers: list[httpx.Response] = []
    async with served(app_with(slow)) as server, httpx.AsyncClient() as client:

        async def ask() -> None:
            answers.append(await client.get(server.url))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await began.wait()
            server.stopping.set()
            release.set()
        await server.stopped.wait()
    assert [answer.text for answer in answers] == ["done"]


async def test_a_request_that_outlives_the_drain_is_cut_with_503() -> None:
    began, cancelled = anyio.Event(), anyio.Event()

    async def endless(_: Request) -> Response:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return PlainTextResponse("never")

    answers: list[httpx.Response] = []
    async with served(app_with(endless), drain_s=0.2) as server, httpx.AsyncClient() as client:

        async def ask() -> None:
            answers.append(await client.get(server.url))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await began.wait()
            server.stopping.set()
            with anyio.fail_after(3):
                await server.stopped.wait()
    assert cancelled.is_set()
    assert [answer.status_code for answer in answers] == [503]


async def test_a_silent_connection_does_not_hold_up_a_stop() -> None:
    async with (
        served(app_with(hello), drain_s=0.2) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as idle,
        await anyio.connect_tcp("127.0.0.1", server.port) as half,
    ):
        await idle.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await idle.receive()).startswith(b"HTTP/1.1 200")
        await half.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")
        server.stopping.set()
        with anyio.fail_after(5):
            await server.stopped.wait()


def refusing(ended: anyio.Event) -> ASGIApp:
    """An app that answers 401 without reading a byte of the body."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await Starlette()(scope, receive, send)
            return
        await Response(b"no", status_code=401)(scope, receive, send)
        ended.set()

    return app


def head(size: int) -> bytes:
    return f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


async def test_an_answer_before_the_body_was_read_reaches_a_client_that_sends_it_all() -> None:
    async with (
        served(refusing(anyio.Event())) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as client,
    ):
        await client.send(head(16 * 65_536))
        for _ in range(16):
            await client.send(b"x" * 65_536)
        assert (await client.receive()).startswith(b"HTTP/1.1 401")


async def test_an_answer_before_the_body_was_read_frees_a_connection_that_stalls() -> None:
    ended = anyio.Event()
    async with (
        served(refusing(ended), linger_s=0.1) as server,
        await anyio.connect_tcp("127.0.0.1", server.port) as client,
    ):
        await client.send(head(8 * 1024 * 1024))
        for _ in range(16):  # more than the queue of Hypercorn holds
            await client.send(b"x" * 65_536)
        assert (await client.receive()).startswith(b"HTTP/1.1 401")
        await ended.wait()


async def test_a_connection_that_its_client_closed_is_not_kept() -> None:
    ended = anyio.Event()

    async def slow(_: Request) -> Response:
        try:
            await anyio.sleep(0.05)
        finally:
            ended.set()
        return PlainTextResponse("late")

    files = psutil.Process().num_fds
    async with served(app_with(slow)) as server:
        before = files()
        for _ in range(20):
            async with await anyio.connect_tcp("127.0.0.1", server.port) as client:
                await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await ended.wait()
        with anyio.fail_after(10):
            while files() > before:  # noqa: ASYNC110 - nobody tells of a file
                await anyio.sleep(0.01)
