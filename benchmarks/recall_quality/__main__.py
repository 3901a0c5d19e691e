"""Recall quality on public data, through REST, with a row for each leg left out.

    python -m benchmarks.recall_quality [--data DIR] [--url URL --token TOKEN]

One namespace per conversation; `session`, `source` and `occurred_at` given. Without `--url` a
standalone server is started over a fresh folder and stopped at the end. The exit code is 1 when
a target is missed, or when hybrid is below its own best leg in any class of questions.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks import standalone
from benchmarks.recall_quality import product
from benchmarks.recall_quality.collections import Unit, load
from benchmarks.recall_quality.measures import measures
from benchmarks.recall_quality.report import Answered, Row, print_tables, summary, verdicts

RESULTS = standalone.ROOT / "benchmarks" / "results" / "recall-quality.json"
DATA = standalone.ROOT.parent / "shared" / "data"
COLLECTIONS = ("locomo", "cranfield")
WITHOUT_CONTEXT = {"vector": 1.0, "keyword": 1.0, "context": 0.0, "recency": 0.0}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "vector only": {"mode": "vector"},
    "keyword only": {"mode": "keyword"},
    "hybrid without context": {"weights": WITHOUT_CONTEXT},
    "hybrid": {},
}
BARE = ", no header"
"""Of rows whose memories were stored without speaker and day."""


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        if options.url:
            api = httpx.Client(
                base_url=options.url,
                headers={"Authorization": f"Bearer {options.token}"},
                timeout=120.0,
            )
        else:
            api = standalone.client(stack.enter_context(standalone.running()))
        stack.enter_context(api)
        origin = standalone.where()
        rows, embedder = _measured(api, options.data)
    print_tables(rows)
    judged = verdicts(rows)
    print()
    for what, holds in judged.items():
        print(f"{'yes' if holds else 'NO ':4}{what}")
    results = {**origin, "embedder": embedder, "collections": summary(rows), "verdicts": judged}
    standalone.write(options.out, results)
    sys.exit(0 if all(judged.values()) else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the collections")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--token", default="", help="its token")
    return parser.parse_args()


def _measured(api: httpx.Client, data: Path) -> tuple[dict[str, dict[str, Row]], Mapping[str, Any]]:
    units = {name: load(data / f"{name}.json") for name in COLLECTIONS}
    bare = load(data / "locomo.json", header=False)
    for unit in [*units["locomo"], *units["cranfield"], *bare]:
        product.store(api, unit)
        print(f"stored {len(unit.items):5} memories in {unit.namespace}", flush=True)
    found = {
        name: {row: _row(api, some, asked) for row, asked in ROWS.items()}
        for name, some in units.items()
    }
    found["locomo"] |= {row + BARE: _row(api, bare, asked) for row, asked in ROWS.items()}
    return found, product.embedder(api, units["locomo"][0].namespace)


def _row(api: httpx.Client, units: Sequence[Unit], options: Mapping[str, Any]) -> Row:
    return [
        Answered(question.category, measures(ranked, question.gold))
        for unit in units
        for question, ranked in zip(unit.questions, product.ask(api, unit, options), strict=True)
    ]


if __name__ == "__main__":
    main()
