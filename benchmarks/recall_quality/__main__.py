"""Recall quality on public data, through REST, with a row for each leg left out.

    python -m benchmarks.recall_quality [--data DIR] [--url URL --token TOKEN]

One namespace per conversation; `session`, `source` and `occurred_at` given. Without `--url` a
standalone server is started over a fresh folder and stopped at the end.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx

from benchmarks import standalone
from benchmarks.recall_quality import product
from benchmarks.recall_quality.collections import Unit, load
from benchmarks.recall_quality.measures import ndcg_at, recall_at, reciprocal_rank

RESULTS = standalone.ROOT / "benchmarks" / "results" / "recall-quality.json"
DATA = standalone.ROOT.parent / "shared" / "data"
LEGS = {"vector": 1.0, "keyword": 1.0, "context": 0.0, "recency": 0.0}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "vector only": {"mode": "vector"},
    "keyword only": {"mode": "keyword"},
    "hybrid without context": {"weights": LEGS},
    "hybrid": {},
}
LARGE_CLASS = 100


@dataclass(frozen=True)
class Answered:
    category: str
    measures: Mapping[str, float]


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
        results = {**standalone.where(), **_measured(api, options.data)}
    for name in ("locomo", "cranfield"):
        _print(name, results[name])
    _judge(results)
    standalone.write(options.out, results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the collections")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--token", default="", help="its token")
    return parser.parse_args()


def _measured(api: httpx.Client, data: Path) -> dict[str, Any]:
    units = {name: load(data / f"{name}.json") for name in ("locomo", "cranfield")}
    bare = load(data / "locomo.json", header=False)
    for unit in [*units["locomo"], *units["cranfield"], *bare]:
        product.store(api, unit)
        print(f"stored {len(unit.items):5} memories in {unit.namespace}", flush=True)
    found: dict[str, Any] = {
        name: {row: _row(api, some, asked) for row, asked in ROWS.items()}
        for name, some in units.items()
    }
    found["locomo"]["hybrid, no speaker and day"] = _row(api, bare, {})
    found["embedder"] = product.embedder(api, units["locomo"][0].namespace)
    return found


def _row(api: httpx.Client, units: Iterable[Unit], options: Mapping[str, Any]) -> dict[str, Any]:
    answered = [
        Answered(question.category, _measures(ranked, question.gold))
        for unit in units
        for question, ranked in zip(unit.questions, product.ask(api, unit, options), strict=True)
    ]
    classes = sorted({one.category for one in answered})
    return {
        "all": _mean(answered),
        "classes": {c: _mean([a for a in answered if a.category == c]) for c in classes},
    }


def _measures(ranked: Sequence[str], gold: Sequence[str]) -> dict[str, float]:
    return {
        **{f"recall@{k}": recall_at(ranked, gold, k) for k in (1, 5, 10, 20)},
        "ndcg@10": ndcg_at(ranked, gold, 10),
        "mrr@10": reciprocal_rank(ranked, gold, 10),
    }


def _mean(answered: Sequence[Answered]) -> dict[str, float]:
    names = answered[0].measures
    means = {name: round(fmean(a.measures[name] for a in answered), 4) for name in names}
    return {"questions": len(answered), **means}


def _print(name: str, rows: Mapping[str, Any]) -> None:
    first = next(iter(rows.values()))
    names = [key for key in first["all"] if key != "questions"]
    print(f"\n{name}: {first['all']['questions']} questions")
    print(f"{'':28}" + "".join(f"{key:>11}" for key in names))
    for row, found in rows.items():
        print(f"{row:28}" + "".join(f"{found['all'][key]:11.3f}" for key in names))
    if len(first["classes"]) < 2:
        return
    print(f"\n{name}: recall@10 / nDCG@10 by class")
    print(f"{'':28}" + "".join(f"{c:>16}" for c in first["classes"]))
    print(f"{'questions':28}" + "".join(f"{m['questions']:16}" for m in first["classes"].values()))
    for row, found in rows.items():
        pairs = (f"{m['recall@10']:.3f} / {m['ndcg@10']:.3f}" for m in found["classes"].values())
        print(f"{row:28}" + "".join(f"{pair:>16}" for pair in pairs))


def _judge(results: Mapping[str, Any]) -> None:
    """Say what holds of what was asked for; a benchmark reports, tests decide."""
    locomo, cranfield = results["locomo"], results["cranfield"]
    full = locomo["hybrid"]["all"]
    print()
    _say("LoCoMo recall@10 >= .70", full["recall@10"] >= 0.70)
    _say("LoCoMo nDCG@10 >= .52", full["ndcg@10"] >= 0.52)
    _say("Cranfield nDCG@10 >= .42", cranfield["hybrid"]["all"]["ndcg@10"] >= 0.42)
    for name, rows in (("LoCoMo", locomo), ("Cranfield", cranfield)):
        for category, found in rows["hybrid"]["classes"].items():
            if found["questions"] < LARGE_CLASS:
                continue
            legs = [rows[leg]["classes"][category] for leg in ("vector only", "keyword only")]
            above = all(found[m] >= max(leg[m] for leg in legs) for m in ("recall@10", "ndcg@10"))
            _say(f"{name} {category}: hybrid not below its best leg", above)


def _say(what: str, holds: bool) -> None:
    print(f"{'yes' if holds else 'NO ':4}{what}")


if __name__ == "__main__":
    main()
