"""The load generator: a process of its own, told what to do on stdin, a line of JSON each.

    python -m benchmarks.service.openloop URL TOKEN NAMESPACE DATA COUNT

A line `{"kind": "recall", "rate": 40, "seconds": 5, "first": 0}` is answered on stdout with one
row; kinds are `recall`, `words` (a recall in mode `keyword`) and `store`. Requests start at fixed
times, whether or not earlier ones were answered, and a latency counts from the *intended* start:
a server that stalls pays for everyone it kept waiting.
"""

import json
import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.service.material import material

type Call = Callable[[int], Awaitable[bool]]
"""Send the request of that number; whether it succeeded. Raises `OSError` or anyio's errors."""

LOST = (OSError, anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead)
TOP_K = 10
HEAD_LIMIT = 65536
IDLE_S = 2.0
"""A connection unused for longer is not trusted: servers close what is idle."""


class Connections:
    """HTTP/1.1 over as many connections as there are requests under way; the last used first.

    A full client would cost the two cores of a small machine more than the server does.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = (
            f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        )
        self._idle: list[tuple[anyio.abc.SocketStream, float]] = []

    def request(self, method: str, path: str, body: object) -> bytes:
        data = json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(data)}\r\n\r\n"
        return head.encode() + data

    async def succeeds(self, request: bytes) -> bool:
        """Whether the answer is a 2xx; it is read to its end."""
        stream = await self._stream()
        try:
            await stream.send(request)
            reader = BufferedByteReceiveStream(stream)
            head = await reader.receive_until(b"\r\n\r\n", HEAD_LIMIT)
            await reader.receive_exactly(_length(head))
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise
        self._idle.append((stream, perf_counter()))
        return head.split(b" ", 2)[1].startswith(b"2")

    async def aclose(self) -> None:
        for stream, _ in self._idle:
            await anyio.aclose_forcefully(stream)

    async def _stream(self) -> anyio.abc.SocketStream:
        while self._idle:
            stream, since = self._idle.pop()
            if perf_counter() - since < IDLE_S:
                return stream
            await anyio.aclose_forcefully(stream)
        return await anyio.connect_tcp(self._host, self._port)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ValueError("an answer without a Content-Length")


async def open_loop(call: Call, *, rate: float, seconds: float, first: int = 0) -> dict[str, float]:
    """Send `rate` requests per second for so long, numbered from `first`; wait for the last."""
    latencies: list[float] = []
    failed = 0
    count = round(rate * seconds)
    busy, begun = process_time(), perf_counter()

    async def one(number: int, due: float) -> None:
        nonlocal failed
        try:
            if await call(first + number):
                latencies.append(perf_counter() - due)
                return
        except LOST:
            pass
        failed += 1

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            due = begun + number / rate
            await anyio.sleep(max(0.0, due - perf_counter()))
            tasks.start_soon(one, number, due)
    took = perf_counter() - begun
    return row(rate, took, latencies, failed, busy_s=process_time() - busy)


def row(
    rate: float, took_s: float, latencies_s: Sequence[float], failed: int, *, busy_s: float
) -> dict[str, float]:
    """What came of one rate; latencies are those of the answered alone."""
    ordered = sorted(latencies_s)
    answered = len(ordered)
    return {
        "rate_per_s": round(rate, 1),
        "answered_per_s": round(answered / took_s, 1),
        "failed": failed,
        "mean_ms": round(1000.0 * math.fsum(ordered) / answered, 2) if answered else 0.0,
        **{f"p{q}_ms": round(1000.0 * quantile(ordered, q / 100), 1) for q in (50, 95, 99)},
        "max_ms": round(1000.0 * ordered[-1], 1) if ordered else 0.0,
        "requests": answered + failed,
        "generator_cpu_s": round(busy_s, 3),
    }


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def obey(url: str, token: str, namespace: str, data: Path, count: int) -> None:
    """Answer each order on stdin until it ends."""
    memories, questions = material(data, count)
    connections = Connections(url, token)

    async def recall(number: int, **said: str) -> bool:
        body = {"query": questions[number % len(questions)], "top_k": TOP_K, **said}
        return await connections.succeeds(
            connections.request("POST", f"/v1/{namespace}/recall", body)
        )

    async def store(number: int) -> bool:
        item: dict[str, Any] = {**memories[number % len(memories)]}
        del item["coordinate"]
        path = f"/v1/{namespace}/memories/{number},1"
        return await connections.succeeds(connections.request("PUT", path, item))

    calls: dict[str, Call] = {
        "recall": recall,
        "words": partial(recall, mode="keyword"),
        "store": store,
    }
    for line in sys.stdin:
        order = json.loads(line)
        found = await open_loop(
            calls[order["kind"]],
            rate=order["rate"],
            seconds=order["seconds"],
            first=order["first"],
        )
        print(json.dumps(found), flush=True)
    await connections.aclose()


if __name__ == "__main__":
    url, token, namespace, data, count = sys.argv[1:]
    anyio.run(obey, url, token, namespace, Path(data), int(count))
