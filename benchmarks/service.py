"""Open-loop load on REST: recall and store at 10,000 memories, start-up time, memory.

    python -m benchmarks.service [--memories N] [--seconds S] [--data DIR]

Requests start at fixed times, whether or not earlier ones were answered, and a latency counts
from the *intended* start: a server that stalls pays for everyone it kept waiting. The load is
made on the same machine, so the client's own processor time is part of what is measured.
"""

import argparse
import random
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import httpx

from benchmarks import standalone
from benchmarks.recall_quality.collections import Unit, load

RESULTS = standalone.ROOT / "benchmarks" / "results" / "service.json"
DATA = standalone.ROOT.parent / "shared" / "data"
NAMESPACE = "load"
RECALL_RATES = (10, 25, 50, 100)
STORE_RATES = (10, 25, 50, 100)
BATCH = 250
WORDS = (
    *("tea", "coffee", "rain", "garden", "letter", "train", "Ada", "Ben", "Carla", "bridge"),
    *("winter", "summer", "music", "piano", "doctor", "meeting", "budget", "server", "deploy"),
    *("invoice", "kitchen", "bread", "holiday", "ticket", "museum", "river", "market", "phone"),
)


@dataclass
class Load:
    """What came of one rate."""

    rate: int
    sent: int = 0
    failed: int = 0
    latencies_s: list[float] = field(default_factory=list)

    def row(self, took_s: float) -> dict[str, float]:
        done = sorted(self.latencies_s)
        return {
            "rate_per_s": self.rate,
            "answered_per_s": round(len(done) / took_s, 1),
            "failed": self.failed,
            **{f"p{q}_ms": round(1000.0 * _quantile(done, q / 100), 1) for q in (50, 95, 99)},
            "max_ms": round(1000.0 * done[-1], 1) if done else 0.0,
        }


def main() -> None:
    options = _options()
    memories, questions = _material(options.data, options.memories)
    with tempfile.TemporaryDirectory(prefix="sfm-bench-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        with standalone.running(folder) as server:
            first_start_s = server.ready_s
            empty_mb = server.memory_mb()
            fill_s = _fill(server, memories)
            results = anyio.run(_loads, server, memories, questions, options.seconds)
            full_mb = server.memory_mb()
        with standalone.running(folder) as server, standalone.client(server) as api:
            later_start_s = server.ready_s
            begun = perf_counter()
            api.post(f"/v1/{NAMESPACE}/recall", json={"query": questions[0]}).raise_for_status()
            first_recall_s = perf_counter() - begun
    results = {
        **standalone.where(),
        "memories": len(memories),
        "start": {
            "first_s": round(first_start_s, 2),
            "later_s": round(later_start_s, 2),
            "first_recall_after_later_start_s": round(first_recall_s, 3),
        },
        "fill": {"seconds": round(fill_s, 1), "per_s": round(len(memories) / fill_s, 1)},
        "memory_mb": {"empty": _rounded(empty_mb), "after_load": _rounded(full_mb)},
        **results,
    }
    _print(results)
    standalone.write(options.out, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memories", type=int, default=10_000, help="stored beforehand")
    parser.add_argument("--seconds", type=float, default=10.0, help="per rate")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with locomo.json")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes")
    return parser.parse_args()


def _material(data: Path, count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Memories and questions: LoCoMo's turns, again and again, else made up of words."""
    path = data / "locomo.json"
    units: Sequence[Unit] = load(path) if path.exists() else ()
    turns = [(unit.namespace, item) for unit in units for item in unit.items]
    questions = [question.text for unit in units for question in unit.questions]
    rng = random.Random(7)
    if not turns:
        made = [" ".join(rng.choices(WORDS, k=12)) for _ in range(count)]
        turns = [(f"made-{i // 20}", {"session": "s", "text": text}) for i, text in enumerate(made)]
        questions = [" ".join(rng.choices(WORDS, k=6)) + "?" for _ in range(200)]
    memories = []
    for number in range(count):
        lap, at = divmod(number, len(turns))
        origin, item = turns[at]
        session = f"{origin} {item['session']} {lap}"
        memories.append({**item, "payload": {"n": number}, "session": session})
        memories[-1]["coordinate"] = [number]
    rng.shuffle(questions)
    return memories, questions


def _fill(server: standalone.Server, memories: Sequence[dict[str, Any]]) -> float:
    begun = perf_counter()
    with standalone.client(server) as api:
        for at in range(0, len(memories), BATCH):
            body = {"items": memories[at : at + BATCH]}
            api.post(f"/v1/{NAMESPACE}/memories:batch", json=body).raise_for_status()
    return perf_counter() - begun


async def _loads(
    server: standalone.Server,
    memories: Sequence[dict[str, Any]],
    questions: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    async with httpx.AsyncClient(
        base_url=server.url, headers=server.headers, timeout=30.0, limits=limits
    ) as api:

        async def recall(number: int) -> httpx.Response:
            body = {"query": questions[number % len(questions)], "top_k": 10}
            return await api.post(f"/v1/{NAMESPACE}/recall", json=body)

        async def store(number: int) -> httpx.Response:
            item = {k: v for k, v in memories[number % len(memories)].items() if k != "coordinate"}
            return await api.put(f"/v1/{NAMESPACE}/memories/{number},1", json=item)

        await _open_loop(recall, 10, 2.0)  # warm: connections, view
        return {
            "recall": [await _open_loop(recall, rate, seconds) for rate in RECALL_RATES],
            "store": [await _open_loop(store, rate, seconds) for rate in STORE_RATES],
        }


async def _open_loop(
    call: Callable[[int], Awaitable[httpx.Response]], rate: int, seconds: float
) -> dict[str, float]:
    load = Load(rate)
    begun = perf_counter() + 0.05

    async def one(number: int, due: float) -> None:
        try:
            answer = await call(number)
        except httpx.HTTPError:
            load.failed += 1
            return
        if answer.is_success:
            load.latencies_s.append(perf_counter() - due)
        else:
            load.failed += 1

    async with anyio.create_task_group() as tasks:
        for number in range(round(rate * seconds)):
            due = begun + number / rate
            await anyio.sleep(max(0.0, due - perf_counter()))
            tasks.start_soon(one, number, due)
            load.sent += 1
    return load.row(perf_counter() - begun)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def _print(results: dict[str, Any]) -> None:
    start, memory = results["start"], results["memory_mb"]
    print(f"{results['memories']} memories, filled at {results['fill']['per_s']}/s")
    print(
        f"start: first {start['first_s']} s, later {start['later_s']} s,"
        f" first recall then {start['first_recall_after_later_start_s']} s"
    )
    print(f"memory (MiB): empty {memory['empty']}, after the load {memory['after_load']}")
    for name in ("recall", "store"):
        columns = list(results[name][0])
        print(f"\n{name:8}" + "".join(f"{column:>16}" for column in columns))
        for row in results[name]:
            print(f"{'':8}" + "".join(f"{row[column]:16}" for column in columns))


if __name__ == "__main__":
    main()
