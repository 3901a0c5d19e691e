"""Sends a request to the application in this process, or over a socket."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

import anyio
from starlette.types import ASGIApp, Message, Scope

from tests.fuzz.requests import Request

HANGS_AFTER_S: Final = 20.0
_LEAVES_AFTER_S: Final = 2.0
"""A stream that follows the log is left by its reader then."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 0: none came. `body` holds the beginning of a long one."""

    status: int
    media: str
    body: bytes


async def call(app: ASGIApp, request: Request, token: str) -> Answer:
    """The answer of the application; of one that has begun and goes on, what came until then."""
    sent = [request.body[:7], request.body[7:]] if len(request.body) > 7 else [request.body]
    started = anyio.current_time()
    status, media, body = 0, "", b""
    begun = anyio.Event()

    async def receive() -> Message:
        if sent:
            piece = sent.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(sent)}
        await begun.wait()
        await anyio.sleep_until(started + _LEAVES_AFTER_S)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, media, body
        if message["type"] == "http.response.start":
            status = message["status"]
            begun.set()
            found = dict(message.get("headers", ()))
            media = found.get(b"content-type", b"").decode("latin-1").partition(";")[0]
        elif len(body) < 1 << 16:
            body += message.get("body", b"")

    with anyio.fail_after(HANGS_AFTER_S):
        await app(_scope(request, token), receive, send)
    return Answer(status, media, body)


def raw(request: Request, token: str) -> bytes:
    """The request as HTTP/1.1, to be followed by the end of the connection."""
    target = request.path + (f"?{request.query}" if request.query else "")
    lines = [f"{request.method} {target} HTTP/1.1".encode("latin-1", "replace")]
    given = {name for name, _ in request.headers}
    if "host" not in given:
        lines.append(b"host: fuzz.test")
    if request.authorized:
        lines.append(f"authorization: Bearer {token}".encode())
    lines += [name.encode() + b": " + value for name, value in request.headers]
    if "content-length" not in given:
        lines.append(f"content-length: {len(request.body)}".encode())
    lines.append(b"connection: close")
    return b"\r\n".join([*lines, b"", request.body])


async def send_raw(port: int, data: bytes) -> Answer:
    """What a server answers to these bytes; status 0 when it just closed the connection."""
    found = b""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        # No half-closing: the server would take it for a client that has left. One that promised
        # more than it sent is not answered before its body is late, and leaves.
        with anyio.move_on_after(_LEAVES_AFTER_S):
            try:
                await stream.send(data)
                while len(found) < 1 << 16:
                    found += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass
    head, _, body = found.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    media = head.lower().partition(b"content-type: ")[2].partition(b"\r")[0].decode("latin-1")
    return Answer(status, media.partition(";")[0], body)


def _scope(request: Request, token: str) -> Scope:
    raw_path = request.path.encode("latin-1", "replace")
    headers = [(name.encode(), value) for name, value in request.headers]
    if request.authorized:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        # as Hypercorn gives it
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": request.query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
