"""Open-loop load on REST: recall and store at 10 000 memories, start-up, memory, bulk storing.

    python -m benchmarks.service [--memories N] [--seconds S] [--data DIR] [--data-dir DIR]

With `--data-dir` the server runs over what an earlier run left there (`--keep`), and nothing is
stored in bulk; the single stores of the run are added to it.

The rate is stepped up until the server no longer keeps up; the figures that count are then taken
at half of that, several times. The load comes from a process of its own on the same machine, and
what other processes used meanwhile is in every row: a row with many `others_cores` is not quiet.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from json import dumps, loads
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio

from benchmarks import standalone
from benchmarks.service.bulk import filled
from benchmarks.service.material import material
from benchmarks.service.report import print_results
from benchmarks.service.watch import Moment, costs, recall_parts

RESULTS = standalone.ROOT / "benchmarks" / "results" / "service.json"
DATA = standalone.ROOT.parent / "shared" / "data"
NAMESPACE = "load"
FIRST_RATE = 20.0
STEP = 1.25
STEP_S = 4.0
TRIES = 2
"""A rate counts as too high only when it was so often too high in a row."""
KEPT_P95_MS = 250.0
HALF_RUNS = 3
MODES = {"recall": "hybrid", "words": "keyword"}
"""The mode that a kind of load asks for; a store has none."""


@dataclass
class Load:
    """A running load generator, and the server it aims at."""

    server: standalone.Server
    process: "subprocess.Popen[str]"
    sent: int = 0

    def run(self, kind: str, rate: float, seconds: float) -> dict[str, Any]:
        """One rate for so long: the generator's row, what it cost, and for recalls the parts."""
        order = {"kind": kind, "rate": rate, "seconds": seconds, "first": self.sent}
        self.sent += round(rate * seconds)
        if self.process.stdin is None or self.process.stdout is None:
            raise SystemExit("the load generator has no pipes")
        before, begun = Moment.now(self.server), perf_counter()
        self.process.stdin.write(dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the load generator ended")
        row: dict[str, Any] = loads(line)
        took_s, after = perf_counter() - begun, Moment.now(self.server)
        row |= costs(before, after, row, took_s)
        if kind in MODES:
            row["parts_ms"] = recall_parts(before, after, row, mode=MODES[kind])
        return row


def main() -> None:
    options = _options()
    origin = standalone.where()
    with _folder(options) as folder:
        results = {**origin, **_run(folder, options)}
    print_results(results)
    standalone.write(options.out, results)


@contextmanager
def _folder(options: argparse.Namespace) -> Iterator[Path]:
    if options.data_dir is not None:
        yield options.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="sfm-bench-", delete=not options.keep) as made:
        folder = Path(made)
        folder.chmod(0o755)  # PostgreSQL may run as another user below it
        yield folder
        if options.keep:
            print(f"the data is kept in {folder}: --data-dir {folder}")


def _run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with standalone.running(folder) as server:
        first_s, memory = server.ready_s, {}
        if options.data_dir is None:
            memory["empty"] = server.memory_mb()
            memories, _ = material(options.data, options.memories)
            found["bulk"] = anyio.run(partial(filled, server, NAMESPACE, memories))
        found["memories"] = options.memories = _stored(server)
        memory["stored"] = server.memory_mb()
        with _load(server, options) as load:
            load.run("recall", 10.0, 2.0)  # warm: connections, view
            found |= {kind: _measured(load, kind, options) for kind in ("recall", "store")}
        memory["after the load"] = server.memory_mb()
    _, questions = material(options.data, 1)
    later = _later_start(folder, questions[0])
    start = {"first_s": round(first_s, 2), **later}
    return {**found, "start": start, "memory_mb": memory}


def _stored(server: standalone.Server) -> int:
    """How many memories the namespace holds."""
    with standalone.client(server) as api:
        stats = api.get(f"/v1/{NAMESPACE}/stats").raise_for_status().json()
    return int(stats["total"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memories", type=int, default=10_000, help="stored beforehand")
    parser.add_argument("--seconds", type=float, default=20.0, help="of load at half saturation")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with locomo.json")
    parser.add_argument(
        "--data-dir", type=Path, help="what an earlier run kept; nothing is stored beforehand"
    )
    parser.add_argument("--keep", action="store_true", help="keep the data for `--data-dir`")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes")
    return parser.parse_args()


@contextmanager
def _load(server: standalone.Server, options: argparse.Namespace) -> Iterator[Load]:
    aim: Sequence[str] = (server.url, server.token, NAMESPACE)
    command = [sys.executable, "-m", "benchmarks.service.openloop", *aim]
    process = subprocess.Popen(
        [*command, str(options.data), str(options.memories)],
        cwd=standalone.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Load(server, process)


def _measured(load: Load, kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Rates stepped up to saturation, then half of it for longer, the quietest run first."""
    steps: list[dict[str, Any]] = []
    rate, kept = FIRST_RATE, 0.0
    while (row := _kept(load, kind, rate, steps)) is not None:
        kept, rate = row["rate_per_s"], rate * STEP
    runs = [load.run(kind, max(1.0, kept / 2), options.seconds) for _ in range(HALF_RUNS)]
    runs.sort(key=lambda run: float(run["others_cores"]))
    found = {"saturation_per_s": kept, "half": runs, "steps": steps}
    if kind == "recall":
        found["words"] = load.run("words", max(1.0, kept / 2), STEP_S)
    return found


def _kept(load: Load, kind: str, rate: float, steps: list[dict[str, Any]]) -> dict[str, Any] | None:
    for _ in range(TRIES):
        row = load.run(kind, rate, STEP_S)
        steps.append(row)
        if not row["failed"] and row["p95_ms"] <= KEPT_P95_MS:
            return row
    return None


def _later_start(folder: Path, question: str) -> dict[str, float]:
    """A second start over the same data: until ready, and until the first recall is answered."""
    begun = perf_counter()
    with standalone.running(folder) as server, standalone.client(server) as api:
        api.post(f"/v1/{NAMESPACE}/recall", json={"query": question}).raise_for_status()
        answered_s = perf_counter() - begun
        return {
            "later_s": round(server.ready_s, 2),
            "later_first_recall_s": round(answered_s, 2),
        }


if __name__ == "__main__":
    main()
