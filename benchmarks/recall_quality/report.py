"""From answered questions to means, intervals, tables and verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.recall_quality.measures import interval

TARGETS = (
    ("locomo", "recall@10", 0.70),
    ("locomo", "ndcg@10", 0.52),
    ("cranfield", "ndcg@10", 0.42),
)
JUDGED = ("recall@10", "ndcg@10")
FULL = "hybrid"
LEGS = ("vector only", "keyword only")
WIDTH = 34


@dataclass(frozen=True)
class Answered:
    """One question: its class, and how good the list was."""

    category: str
    measures: Mapping[str, float]


type Row = Sequence[Answered]
"""Every question of a collection, in one order for all rows."""


def classes(row: Row) -> list[str]:
    return sorted({one.category for one in row})


def values(row: Row, measure: str, category: str | None = None) -> list[float]:
    """A measure question by question, of one class or of all."""
    return [one.measures[measure] for one in row if category in (None, one.category)]


def summary(rows: Mapping[str, Mapping[str, Row]]) -> dict[str, Any]:
    """Means by collection, row and class, with 95 % intervals of those that are judged."""
    return {
        collection: {
            name: {
                "all": _means(row, None),
                "classes": {category: _means(row, category) for category in classes(row)},
            }
            for name, row in found.items()
        }
        for collection, found in rows.items()
    }


def verdicts(rows: Mapping[str, Mapping[str, Row]]) -> dict[str, bool]:
    """What was asked for, in words with the figures, and whether it holds."""
    found = {}
    for collection, measure, least in TARGETS:
        mean = fmean(values(rows[collection][FULL], measure))
        found[f"{collection}: {measure} {mean:.3f} >= {least:.2f}"] = mean >= least
    for collection, by_row in rows.items():
        for category in classes(by_row[FULL]):
            for measure in JUDGED:
                what, holds = _against_best_leg(by_row, measure, category)
                found[f"{collection}, {category}: {what}"] = holds
    return found


def print_tables(rows: Mapping[str, Mapping[str, Row]]) -> None:
    for collection, found in rows.items():
        _print_all(collection, found)
        if len(classes(found[FULL])) > 1:
            _print_classes(collection, found)


def _means(row: Row, category: str | None) -> dict[str, Any]:
    names = row[0].measures
    means = {name: round(fmean(values(row, name, category)), 4) for name in names}
    between = {
        name: [round(end, 4) for end in interval(values(row, name, category))] for name in JUDGED
    }
    return {"questions": len(values(row, JUDGED[0], category)), **means, "between": between}


def _against_best_leg(rows: Mapping[str, Row], measure: str, category: str) -> tuple[str, bool]:
    full = values(rows[FULL], measure, category)
    legs = {leg: values(rows[leg], measure, category) for leg in LEGS}
    best = max(legs, key=lambda leg: fmean(legs[leg]))
    gains = [ours - theirs for ours, theirs in zip(full, legs[best], strict=True)]
    low, high = interval(gains)
    gain = fmean(gains)
    said = f"{measure} of hybrid over {best} {gain:+.3f} [{low:+.3f}, {high:+.3f}], n={len(full)}"
    return said, gain >= 0.0


def _print_all(collection: str, rows: Mapping[str, Row]) -> None:
    names = list(rows[FULL][0].measures)
    print(f"\n{collection}: {len(rows[FULL])} questions ([] = 95 % interval)")
    heads = "".join(f"{n:>22}" if n in JUDGED else f"{n:>11}" for n in names)
    print(f"{'':{WIDTH}}{heads}")
    for name, row in rows.items():
        cells = []
        for measure in names:
            mean = f"{fmean(values(row, measure)):.3f}"
            if measure in JUDGED:
                low, high = interval(values(row, measure))
                cells.append(f"{f'{mean} [{low:.3f}, {high:.3f}]':>22}")
            else:
                cells.append(f"{mean:>11}")
        print(f"{name:{WIDTH}}{''.join(cells)}")


def _print_classes(collection: str, rows: Mapping[str, Row]) -> None:
    kinds = classes(rows[FULL])
    print(f"\n{collection}: recall@10 / nDCG@10 by class of question")
    print(f"{'':{WIDTH}}" + "".join(f"{kind:>16}" for kind in kinds))
    counts = [len(values(rows[FULL], JUDGED[0], kind)) for kind in kinds]
    print(f"{'questions':{WIDTH}}" + "".join(f"{count:16}" for count in counts))
    for name, row in rows.items():
        pairs = (" / ".join(f"{fmean(values(row, m, kind)):.3f}" for m in JUDGED) for kind in kinds)
        print(f"{name:{WIDTH}}" + "".join(f"{pair:>16}" for pair in pairs))
