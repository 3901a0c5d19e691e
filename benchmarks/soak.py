"""Whether anything grows: many recalls and many abandoned connections, memory before and after.

    python -m benchmarks.soak [--recalls 20000] [--abandoned 10000] [--memories 2000]

Starts `soma serve` with a data directory of its own and prints a table: resident memory, open
files and threads of the process, at the start, after warming up, and as the load goes on. The
rows after the first tenth are the ones to compare.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import psutil

STEPS = 10
CALLERS = 8


@dataclass(frozen=True)
class Footprint:
    rss_mb: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        process = psutil.Process(pid)
        rss = process.memory_info().rss / 2**20
        return cls(rss_mb=rss, files=process.num_fds(), threads=process.num_threads())


async def settled(pid: int, files: int, *, within_s: float = 20.0) -> Footprint:
    """The footprint once no more than `files` are open, or after a while whatever it is."""
    with anyio.move_on_after(within_s):
        while Footprint.of(pid).files > files:  # noqa: ASYNC110 - another process
            await anyio.sleep(0.1)
    return Footprint.of(pid)


async def abandon(url: str, token: str, count: int) -> None:
    """Ask for recalls and close each connection without waiting for the answer."""
    place = urlsplit(url)
    body = b'{"query": "who drinks green tea?"}'
    head = (
        f"POST /v1/default/recall HTTP/1.1\r\nHost: {place.netloc}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()

    async def leave_early(number: int) -> None:
        async with await anyio.connect_tcp(place.hostname or "", place.port or 0) as connection:
            # A third says only half of it, a third is gone at once, a third soon.
            await connection.send(head if number % 3 == 0 else head + body)
            if number % 3 == 1:
                await anyio.sleep(0.002)

    async def caller(first: int) -> None:
        for number in range(first, count, CALLERS):
            await leave_early(number)

    async with anyio.create_task_group() as tasks:
        for first in range(CALLERS):
            tasks.start_soon(caller, first)


async def recall(url: str, token: str, count: int) -> None:
    """Ask for recalls, over a few connections, and wait for each."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:

        async def caller(first: int) -> None:
            for number in range(first, count, CALLERS):
                query = {"query": f"what did number {number % 997} say?", "top_k": 5}
                answer = await client.post("/v1/default/recall", json=query)
                while answer.status_code == 503:  # the abandoned are still being seen out
                    await anyio.sleep(0.1)
                    answer = await client.post("/v1/default/recall", json=query)
                answer.raise_for_status()

        async with anyio.create_task_group() as tasks:
            for first in range(CALLERS):
                tasks.start_soon(caller, first)


async def fill(url: str, token: str, count: int) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120) as client:
        for start in range(0, count, 500):
            items = [
                {"payload": {"said": f"number {i} drinks green tea"}}
                for i in range(start, min(count, start + 500))
            ]
            answer = await client.post("/v1/default/memories:batch", json={"items": items})
            answer.raise_for_status()


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, str, str]]:
    """`soma serve` in this folder: its pid, URL and token."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SFM_", "SOMA_", "POSTGRES_"))}
    env = {
        **ours,
        "SFM_DATA_DIR": str(folder),
        "SFM_HTTP_PORT": "0",
        "SFM_EMBEDDER": "hash",
        "SFM_LOG_LEVEL": "error",
        "SOMA_RATE_LIMIT_MAX": "0",
    }
    command = [sys.executable, "-m", "sfm_standalone"]
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(60), "soma serve does not start"
        while "Ctrl-C" not in (line := process.stdout.readline()):
            assert line, "soma serve ended"
        announced = json.loads((folder / "serve.json").read_text())
        yield process.pid, announced["url"], (folder / "token").read_text().strip()
    finally:
        process.terminate()
        process.wait(60)


def show(what: str, at: Footprint) -> None:
    print(f"| {what} | {at.rss_mb:.1f} | {at.files} | {at.threads} |", flush=True)


def run(recalls: int, abandoned: int, memories: int) -> None:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "data") as running:
        pid, url, token = running
        print("| after | RSS MB | files | threads |\n|---|---|---|---|")
        show("start", Footprint.of(pid))
        anyio.run(fill, url, token, memories)
        anyio.run(recall, url, token, max(500, recalls // STEPS))
        known = Footprint.of(pid).files + CALLERS
        anyio.run(abandon, url, token, max(100, abandoned // STEPS))
        show("warming up", anyio.run(settled, pid, known))
        for step in range(1, STEPS + 1):
            anyio.run(partial(recall, url, token), recalls // STEPS)
            show(f"{step * recalls // STEPS} recalls", anyio.run(settled, pid, known))
        for step in range(1, STEPS + 1):
            anyio.run(partial(abandon, url, token), abandoned // STEPS)
            after = anyio.run(settled, pid, known)
            show(f"{step * abandoned // STEPS} abandoned connections", after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recalls", type=int, default=20_000)
    parser.add_argument("--abandoned", type=int, default=10_000)
    parser.add_argument("--memories", type=int, default=2_000)
    chosen = parser.parse_args()
    run(chosen.recalls, chosen.abandoned, chosen.memories)


if __name__ == "__main__":
    main()
