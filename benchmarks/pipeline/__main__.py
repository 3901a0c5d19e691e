"""The event pipeline measured, part by part; prints a table for each, one of all in
the end, and writes the raw results.

    python -m benchmarks.pipeline [--parts lag,throughput,catchup,order,memory,growth] [sizes]

Each part brings up servers of its own and takes one to five minutes. Parts that are not run keep
what an earlier run found of them, with its commit.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anyio

from benchmarks import standalone
from benchmarks.pipeline import catchup, growth, lag, memory, order, throughput
from benchmarks.pipeline.report import Table
from benchmarks.pipeline.running import DATA, quiet
from benchmarks.pipeline.summary import summary

PARTS: Final = {
    "lag": lag,
    "throughput": throughput,
    "catchup": catchup,
    "order": order,
    "memory": memory,
    "growth": growth,
}
RESULTS: Final = standalone.ROOT / "benchmarks" / "results" / "pipeline.json"


def kept(path: Path, tables: Sequence[Table], origin: dict[str, Any]) -> dict[str, Any]:
    """The raw results with these instead of those of the same names."""
    results: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for table in tables:
        results[table.name] = {**origin, "about": table.about, "rows": list(table.rows)}
    return results


def main() -> None:
    quiet()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="all unless said")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with locomo.json")
    parser.add_argument("--out", type=Path, default=RESULTS)
    for part in PARTS.values():
        part.add_arguments(parser)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for name in arguments.parts.split(","):
        load = round(os.getloadavg()[0], 1)
        tables = anyio.run(PARTS[name].tables, arguments)
        for table in tables:
            if table.shown:
                print(f"{table.markdown()}\n", flush=True)
        origin = {**standalone.where(), "load_average": load}
        results = kept(arguments.out, tables, origin)
        standalone.write(arguments.out, results)
    print(summary(results).markdown())


if __name__ == "__main__":
    main()
