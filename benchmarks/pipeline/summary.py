"""What was aimed at, and what the last runs of each part found: one table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from benchmarks.pipeline.report import Cell, Row, Table

type Found = Sequence[Mapping[str, Any]]

USUAL_INTERVAL_MS: Final = 50


def _lag(rows: Found) -> list[tuple[str, Cell, str]]:
    usual = next((row for row in rows if row["interval ms"] == USUAL_INTERVAL_MS), rows[0])
    points = " / ".join(str(usual[name]) for name in ("lag p50", "p95", "p99"))
    return [("write to readable elsewhere, p50 / p95 / p99, ms", points, "p95 ≤ 100")]


def _throughput(rows: Found) -> list[tuple[str, Cell, str]]:
    column = "events/s for each core it uses"
    return [(f"{row['stage']}, {column}", row[column], "") for row in rows]


def _catch_up(rows: Found) -> list[tuple[str, Cell, str]]:
    return [
        (f"catching up, times the ingest: {row['catching up']} ({row['embedder']})", times, "≥ 3")
        for row in rows
        for times in (row["times the ingest"],)
    ]


def _order(rows: Found) -> list[tuple[str, Cell, str]]:
    wrong = sum(row["wrong"] for row in rows)
    least = min(row["equal"] for row in rows)
    return [("recall as from the slab, least share; wrong", f"{least}; {wrong}", "1.000; 0")]


def _memory(rows: Found) -> list[tuple[str, Cell, str]]:
    both = f"{rows[-1]['at rest, MiB']}, {rows[-1]['after the load']}"
    return [("memory of a stack at rest, after the load, MiB", both, "")]


def _growth(rows: Found) -> list[tuple[str, Cell, str]]:
    worst = max(rows, key=lambda row: float(row["last / first"]))
    stage = next(iter(worst.values()))
    said = f"{worst['last / first']} ({stage})"
    return [("an event's cost in the full log, times that in the first, worst", said, "about 1")]


_PARTS: Final[Mapping[str, Callable[[Found], list[tuple[str, Cell, str]]]]] = {
    "lag": _lag,
    "throughput": _throughput,
    "catch_up": _catch_up,
    "order": _order,
    "memory": _memory,
    "growth": _growth,
}


def summary(results: Mapping[str, Any]) -> Table:
    """Of the raw results; a part that never ran is not in it."""
    rows: list[Row] = [
        {"measure": what, "found": found, "aim": aim, "commit": results[name]["commit"][:12]}
        for name, lines in _PARTS.items()
        if name in results
        for what, found, aim in lines(results[name]["rows"])
    ]
    return Table("summary", "All in one:", rows)
