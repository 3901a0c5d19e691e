"""How long after a write another API process shows it: write-to-readable lag across processes.

    python -m benchmarks.pipeline.lag [--writes 200] [--load 0] [--intervals 0.1,0.05,0.025]

Brings up a PostgreSQL and, for each feed interval, two API processes over it. One stores, the
other is asked for what was stored again and again; the lag of a write is the time from the answer
to it to the end of the first recall that shows it, so it counts that recall too. With `--load`,
a third client stores that many memories a second meanwhile. Prints a table: milliseconds, the
time of a recall alone beside them, and what the reading process and PostgreSQL need while nothing
is written.
"""

import argparse
import os
import secrets
import subprocess
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from random import Random
from threading import Thread
from time import perf_counter, time

import anyio
import httpx
import orjson
import psutil

from benchmarks.pipeline.meter import postgres, spent
from benchmarks.pipeline.report import Cell, Table, quantile
from benchmarks.pipeline.running import alone, scratch
from sfm_core.adapters.postgres.migrate import migrate
from sfm_standalone.postgres import EmbeddedPostgres

TOKEN = secrets.token_urlsafe(24)
NAMESPACE = "/v1/lag"
BEFORE = 1_000
"""Memories that are there at the start."""
IDLE_S = 5.0
FOUND_S = 30.0
SEED = 20261124


@dataclass(frozen=True)
class Api:
    url: str
    process: psutil.Process

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60.0) as client:
            yield client


@contextmanager
def api(dsn: str, interval_s: float) -> Iterator[Api]:
    """A process that answers."""
    env = {
        "PATH": os.environ["PATH"],
        "SOMA_API_TOKEN": TOKEN,
        "SOMA_RATE_LIMIT_MAX": "0",
        "SFM_HTTP_PORT": "0",
        "SFM_EMBEDDER": "hash",
        "SFM_FEED_INTERVAL_SECONDS": str(interval_s),
        "POSTGRES_URL": dsn,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "sfm_api"], env=env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        lines = (orjson.loads(line) for line in process.stderr)
        listening = next(line for line in lines if line["event"] == "http.listening")
        Thread(target=deque, args=(lines, 0), daemon=True).start()  # it must never be full
        yield Api(f"http://127.0.0.1:{listening['port']}", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


async def stored(client: httpx.AsyncClient, name: int | float, said: str) -> None:
    body = {"payload": {"said": said}, "occurred_at": "2026-01-01T00:00:00Z"}
    (await client.put(f"{NAMESPACE}/memories/{name}", json=body)).raise_for_status()


async def shown(client: httpx.AsyncClient, word: str) -> bool:
    """Whether a recall finds the one memory that holds this word."""
    body = {"query": word, "mode": "keyword", "top_k": 1, "explain": False}
    answer = await client.post(f"{NAMESPACE}/recall", json=body)
    return bool(answer.raise_for_status().json()["hits"])


async def lags(
    writer: httpx.AsyncClient, reader: httpx.AsyncClient, writes: int
) -> tuple[list[float], list[float]]:
    """The lag of each write and the time of a recall that finds nothing, in ms."""
    chance, found, alone = Random(SEED), [], []
    await shown(reader, "nothing")
    for turn in range(writes):
        await anyio.sleep(chance.uniform(0.0, 0.2))  # out of step with any poll
        word = f"word{secrets.token_hex(8)}"  # never there before
        await stored(writer, 1_000_000 + turn, f"{word} {time()}")
        began = perf_counter()
        with anyio.fail_after(FOUND_S):
            while not await shown(reader, word):
                pass
        found.append(1000.0 * (perf_counter() - began))
        asked = perf_counter()
        await shown(reader, "nothing")
        alone.append(1000.0 * (perf_counter() - asked))
    return found, alone


async def load(client: httpx.AsyncClient, rate: float) -> None:
    """Store so many memories a second until cancelled."""
    due, turn = perf_counter(), 0
    while True:
        due += 1.0 / rate
        await anyio.sleep(max(0.0, due - perf_counter()))
        await stored(client, 2_000_000 + turn % 500, f"green tea {turn}")
        turn += 1


async def idle(reader: Api) -> tuple[float, float]:
    """Share of a core, in %, of the reading process and of PostgreSQL when nothing is asked.

    PostgreSQL serves the process that writes too, which looks for changes just as often.
    """
    watched = [reader.process, *postgres()]
    before = spent(watched)
    await anyio.sleep(IDLE_S)
    after = spent(watched)
    took = {pid: 100.0 * (after[pid] - before[pid]) / IDLE_S for pid in before.keys() & after}
    own = took.pop(reader.process.pid)
    return own, sum(took.values())


async def measured(dsn: str, interval_s: float, arguments: argparse.Namespace) -> dict[str, Cell]:
    """One row of the table."""
    with api(dsn, interval_s) as one, api(dsn, interval_s) as other:
        async with one.client() as writer, other.client() as reader:
            for start in range(0, BEFORE, 500):
                items = [
                    {"coordinate": [n], "payload": {"said": f"tea of day {n}"}}
                    for n in range(start, start + 500)
                ]
                batch = await writer.post(f"{NAMESPACE}/memories:batch", json={"items": items})
                batch.raise_for_status()
            await shown(reader, "tea")
            quiet = await idle(other)
            async with anyio.create_task_group() as tasks:
                if arguments.load:
                    tasks.start_soon(load, writer, arguments.load)
                found, alone = await lags(writer, reader, arguments.writes)
                tasks.cancel_scope.cancel()
    return {
        "interval ms": round(1000 * interval_s),
        "lag p50": round(quantile(found, 0.5)),
        "p95": round(quantile(found, 0.95)),
        "p99": round(quantile(found, 0.99)),
        "recall p50": quantile(alone, 0.5),
        "idle: % of a core": quiet[0],
        "PostgreSQL": quiet[1],
    }


async def tables(arguments: argparse.Namespace) -> list[Table]:
    about = (
        f"From a write's answer to another process showing it, ms, {arguments.writes} writes, "
        f"{arguments.load:g} other writes a second:"
    )
    with scratch() as folder:
        async with EmbeddedPostgres.open(folder) as server:
            await migrate(server.dsn)
            rows = [
                await measured(server.dsn, float(interval), arguments)
                for interval in arguments.intervals.split(",")
            ]
    return [Table("lag", about, rows)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writes", type=int, default=200, help="lag: measured")
    parser.add_argument("--load", type=float, default=0.0, help="lag: other writes a second")
    parser.add_argument("--intervals", default="0.1,0.05,0.025", help="lag: feed intervals, s")


if __name__ == "__main__":
    alone(__doc__, add_arguments, tables)
