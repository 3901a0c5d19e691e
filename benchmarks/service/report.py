"""The service benchmark's results as text."""

from collections.abc import Mapping
from typing import Any

COLUMNS = (
    *("rate_per_s", "answered_per_s", "failed", "p50_ms", "p95_ms", "p99_ms", "max_ms"),
    *("server_cpu_ms", "postgres_cpu_ms", "others_cores"),
)
WIDTH = 16


def print_results(results: Mapping[str, Any]) -> None:
    start = results["start"]
    print(f"{results['memories']} memories in one namespace")
    print(
        f"start: first {start['first_s']} s, later {start['later_s']} s,"
        f" then the first recall answered after {start['later_first_recall_s']} s in all"
    )
    if bulk := results.get("bulk"):
        print(
            f"bulk store: {bulk['per_s']}/s, the embedder alone {bulk['embedder_alone_per_s']}/s"
            f" (share {bulk['share']})"
        )
    print("\nmemory, MiB    " + "".join(f"{name:>20}" for name in next(iter(_memory(results)))[1]))
    for when, sizes in _memory(results):
        print(f"{when:15}" + "".join(f"{size:20.0f}" for size in sizes.values()))
    for kind in ("recall", "store"):
        _print_load(kind, results[kind])
    _print_parts(results["recall"])


def _print_parts(recall: Mapping[str, Any]) -> None:
    """A table that can be published as it is."""
    half = recall["half"][0]
    parts = {**half["parts_ms"], "**all**": half["mean_ms"]}
    words = recall["words"]["parts_ms"]["scan"]
    print(f"\nwhere a recall's time goes at {half['rate_per_s']}/s, quietest run (mean)\n")
    print("| part | ms |\n|---|---|")
    for part, spent in parts.items():
        print(f"| {part} | {spent:.2f} |")
        if part == "scan":
            print(f"| … of it words (the scan of mode `keyword` at the same rate) | {words:.2f} |")
    cpu = f"{half['server_cpu_ms']} + {half['postgres_cpu_ms']}"
    print(f"| processor time, server + PostgreSQL | {cpu} |")


def _memory(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, float]]]:
    return list(results["memory_mb"].items())


def _print_load(kind: str, found: Mapping[str, Any]) -> None:
    saturated = found["saturation_per_s"]
    print(f"\n{kind}: saturated at {saturated}/s (first: half of it, quietest on top)")
    print("".join(f"{column:>{WIDTH}}" for column in COLUMNS))
    for row in (*found["half"], *found["steps"]):
        print("".join(f"{row[column]:{WIDTH}}" for column in COLUMNS))
