"""Exports and imports over real sockets: both ways at once, one after the other, not at all."""

import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import orjson
import pytest

from sfm_api import outbox
from sfm_api.app import create_app
from sfm_api.limits import Limits
from sfm_api.outbox import Outbox
from sfm_core.assembled import Runtime
from tests.servers.sockets import on_a_port
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS
from tests.unit.sfm_api.twin_runtime import twin_runtime

HEADERS = AUTHORIZED | {"Content-Type": "application/x-ndjson"}


@dataclass
class Server:
    port: int
    runtime: Runtime

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def importing(self) -> AsyncGenerator[anyio.abc.SocketStream]:
        """A connection on which an import has begun, with small buffers; its body is chunked."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        raw.setblocking(False)
        await anyio.to_thread.run_sync(_connect, raw, self.port)
        stream = await anyio.abc.SocketStream.from_socket(raw)
        async with stream:
            head = ["POST /v1/a/import HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"]
            head += [f"{name}: {value}" for name, value in HEADERS.items()]
            await stream.send("\r\n".join([*head, "", ""]).encode())
            yield stream


def _connect(raw: socket.socket, port: int) -> None:
    raw.setblocking(True)
    raw.connect(("127.0.0.1", port))
    raw.setblocking(False)


@asynccontextmanager
async def serving(**limits: Any) -> AsyncGenerator[Server]:
    async with twin_runtime() as runtime:
        app = create_app(runtime, SETTINGS, limits=Limits(**limits))
        with anyio.fail_after(60):
            async with on_a_port(app, drain_s=5.0) as port:
                yield Server(port, runtime)


def memories(count: int) -> list[bytes]:
    return [b'{"coordinate":[%d],"payload":{"n":%d}}\n' % (i, i) for i in range(count)]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def answered(stream: anyio.abc.ByteReceiveStream) -> bytes:
    """All that comes until the last chunk of the answer."""
    found = bytearray()
    while not found.endswith(b"\r\n0\r\n\r\n"):
        found += await stream.receive(1 << 20)
    return bytes(found)


def results(raw: bytes) -> list[dict[str, Any]]:
    lines = [line for line in raw.split(b"\n") if line.startswith(b"{")]
    return [orjson.loads(line) for line in lines]


@pytest.mark.parametrize("memory_bytes", [outbox.MEMORY_BYTES, 2000])
async def test_ten_thousand_lines_of_a_client_that_reads_only_when_all_is_sent(
    memory_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its receive buffer holds a fraction of the results: they wait on our side meanwhile."""
    spilt = small_outbox(monkeypatch, memory_bytes)
    async with serving() as server, server.importing() as stream:
        for part in range(0, 10_000, 500):
            await stream.send(chunk(b"".join(memories(10_000)[part : part + 500])))
        await stream.send(b"0\r\n\r\n")
        *lines, summary = results(await answered(stream))
        assert [line["line"] for line in lines] == list(range(1, 10_001))
        assert (summary["created"], summary["failed"]) == (10_000, 0)
        assert (max(spilt) > 0) is (memory_bytes == 2000)


def small_outbox(monkeypatch: pytest.MonkeyPatch, limit: int) -> list[int]:
    """Let answers wait in so much memory; what was written to files is noted in the list."""
    spilt, spill, initial = [0], Outbox._spill, Outbox.__init__

    def noted(self: Outbox, piece: bytes) -> None:
        assert self.held_bytes <= limit
        spilt.append(len(piece))
        spill(self, piece)

    def small(self: Outbox, *, memory_bytes: int, file_bytes: int) -> None:
        del memory_bytes
        initial(self, memory_bytes=limit, file_bytes=file_bytes)

    monkeypatch.setattr(Outbox, "_spill", noted)
    monkeypatch.setattr(Outbox, "__init__", small)
    return spilt


async def test_a_client_may_read_along() -> None:
    async with serving() as server, server.importing() as stream:
        for part in range(4):
            await stream.send(chunk(b"".join(memories(2000)[part * 500 : part * 500 + 500])))
            seen = b""
            while b'{"line":%d,' % (part * 500 + 500) not in seen:
                seen = seen[-100:] + await stream.receive()
        await stream.send(b"0\r\n\r\n")
        assert b'"created":2000' in await answered(stream)


async def test_an_ordinary_http_client_sends_ten_thousand_lines() -> None:
    async def body() -> AsyncIterator[bytes]:
        for line in memories(10_000):
            yield line

    async with serving() as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post("/v1/a/import", content=body(), headers=HEADERS, timeout=50)
        assert results(answer.content)[-1]["created"] == 10_000
        file = await client.get("/v1/a/export", headers=AUTHORIZED)
        assert len(file.content.splitlines()) == 10_002


async def test_a_client_that_sends_no_more_is_told_and_what_it_sent_in_lines_is_done() -> None:
    async with serving(body_s=0.2) as server, server.importing() as stream:
        await stream.send(chunk(b"".join(memories(500)) + b'{"coordinate":[900],"pay'))
        *lines, summary = results(await answered(stream))
        assert (len(lines), summary["lines"], summary["complete"]) == (500, 500, False)
        assert summary["error"]["status"] == 504
        assert (await server.runtime.stats("a"))["total"] == 500


async def test_a_client_that_goes_away_ends_its_import() -> None:
    async with serving(streams=1) as server:
        async with server.importing() as stream:
            await stream.send(chunk(b"".join(memories(500))))
            seen = b""
            while b'{"line":500,' not in seen:
                seen = seen[-100:] + await stream.receive()
            await stream.send(chunk(b"".join(memories(700)[500:])))
        async with httpx.AsyncClient(base_url=server.url, headers=AUTHORIZED) as client:
            file = await client.get("/v1/a/export")
            while file.status_code == 503:  # until the place is free
                file = await client.get("/v1/a/export")
            assert len(file.content.splitlines()) == 502


async def test_streams_have_places_of_their_own() -> None:
    async with serving(streams=1) as server, server.importing() as stream:
        async with httpx.AsyncClient(base_url=server.url, headers=AUTHORIZED) as client:
            refused = await client.get("/v1/a/export")
            assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            assert (await client.get("/v1/a/stats")).is_success
        await stream.send(b"0\r\n\r\n")
        await answered(stream)
