"""How much memory each process of the whole system holds: at rest, and after memories came.

    python -m benchmarks.pipeline.memory [--memories 10000] [--embedder onnx]

Brings up a stack of its own (`make stack`), with its usual heap for Kafka. Shared pages are
counted once (PSS), those of PostgreSQL's processes together.
"""

import argparse
from collections.abc import Sequence
from itertools import batched
from typing import Any, Final

import anyio
import httpx
import psutil

from benchmarks.pipeline.catchup import BATCH, WITHIN_S
from benchmarks.pipeline.report import Cell, Table
from benchmarks.pipeline.running import alone, scratch
from benchmarks.service.material import material
from tests.servers.stack import Stack, a_stack

MIB: Final = 2**20
NAMESPACE: Final = "load"
LOOK_S: Final = 0.2
QUESTIONS: Final = 50
"""Asked in the end, so that the view is in memory."""


def sizes(stack: Stack) -> dict[str, tuple[float, float]]:
    """PSS and RSS of each program with all below it, in MiB."""
    found = {}
    for program in stack.supervisor.running():
        if program.pid is None:
            continue
        process = psutil.Process(program.pid)
        told = [one.memory_full_info() for one in (process, *process.children(recursive=True))]
        found[program.name] = (
            sum(one.pss for one in told) / MIB,
            sum(one.rss for one in told) / MIB,
        )
    return found


def compared(
    rest: dict[str, tuple[float, float]], loaded: dict[str, tuple[float, float]]
) -> list[dict[str, Cell]]:
    """A row for each program, and their sum."""
    rows: list[dict[str, Cell]] = [
        {
            "process": name,
            "at rest, MiB": round(rest[name][0]),
            "after the load": round(loaded[name][0]),
            "RSS then": round(loaded[name][1]),
        }
        for name in rest
    ]
    sums = {name: sum(int(row[name]) for row in rows) for name in list(rows[0])[1:]}
    return [*rows, {"process": "**all**", **sums}]


def handled(url: str) -> float:
    """Events that a consumer has handled, by its own count."""
    name = "sfm_consumer_handled_total"
    lines = httpx.get(f"{url}/metrics", timeout=30.0).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def loaded(stack: Stack, items: Sequence[dict[str, Any]], questions: Sequence[str]) -> None:
    """Store everything, ask for some, and wait until the consumers have seen all of it."""
    api = stack.endpoints.api
    async with httpx.AsyncClient(base_url=api, headers=stack.headers, timeout=120.0) as client:
        for some in batched(items, BATCH):
            answer = await client.post(f"/v1/{NAMESPACE}/memories:batch", json={"items": some})
            answer.raise_for_status()
        for question in questions[:QUESTIONS]:
            answer = await client.post(f"/v1/{NAMESPACE}/recall", json={"query": question})
            answer.raise_for_status()
    with anyio.fail_after(WITHIN_S):
        for name in ("kv-writer", "vector-indexer"):
            url = stack.endpoints.services[name]
            while await anyio.to_thread.run_sync(handled, url) < len(items):  # noqa: ASYNC110
                await anyio.sleep(LOOK_S)


async def tables(arguments: argparse.Namespace) -> list[Table]:
    items, questions = material(arguments.data, arguments.memories)
    settings = {"SFM_EMBEDDER": arguments.embedder, "SFM_STACK_KAFKA_HEAP_MB": "256"}
    with (
        scratch() as folder,
        a_stack(folder / "stack", **settings) as stack,
    ):
        rest = sizes(stack)
        await loaded(stack, items, questions)
        rows = compared(rest, sizes(stack))
    about = (
        f"Memory of a stack, MiB (shared pages once), before and after {arguments.memories} "
        f"memories, embedder {arguments.embedder}:"
    )
    return [Table("memory", about, rows)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--memories", type=int, default=10_000, help="memory: stored")
    parser.add_argument("--embedder", default="onnx", help="memory: of the stack")


if __name__ == "__main__":
    alone(__doc__, add_arguments, tables)
