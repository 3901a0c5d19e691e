"""What a stretch of load cost: processor time by process, and the server's own figures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import psutil

from benchmarks.standalone import Server

SAMPLE = re.compile(r"^(sfm_\w+_(?:sum|count))(?:\{(.*)\})? (\S+)$", re.MULTILINE)
NOT_WORK = ("idle", "iowait", "guest", "guest_nice")
"""Guests' time is in `user` already."""
STAGES = ("embed", "wait", "scan", "hydrate")


@dataclass(frozen=True)
class Moment:
    """Counters that only grow."""

    server_s: float
    postgres_s: float
    machine_s: float
    """Processor seconds of everything that ran."""
    sums: Mapping[str, float]
    """The scrape's `_sum` and `_count` samples by name and labels."""

    @classmethod
    def now(cls, server: Server) -> "Moment":
        times = psutil.cpu_times()._asdict()
        apart = sum(times.get(name, 0.0) for name in NOT_WORK)
        scrape = httpx.get(f"{server.url}/metrics", timeout=30.0).raise_for_status().text
        return cls(
            server_s=_cpu_s(server.process),
            postgres_s=sum(map(_cpu_s, server.process.children(recursive=True))),
            machine_s=sum(times.values()) - apart,
            sums=samples(scrape),
        )


def samples(scrape: str) -> dict[str, float]:
    """Sums and counts by name and labels, as they stand in the scrape."""
    return {
        f"{name}{{{labels}}}" if labels else name: float(value)
        for name, labels, value in SAMPLE.findall(scrape)
    }


def costs(
    before: Moment, after: Moment, row: Mapping[str, float], took_s: float
) -> dict[str, float]:
    """Processor milliseconds per request, and cores that others used meanwhile."""
    server = after.server_s - before.server_s
    postgres = after.postgres_s - before.postgres_s
    generator = row["generator_cpu_s"]
    others = after.machine_s - before.machine_s - server - postgres - generator
    requests = max(1.0, row["requests"])
    return {
        "server_cpu_ms": round(1000.0 * server / requests, 2),
        "postgres_cpu_ms": round(1000.0 * postgres / requests, 2),
        "generator_cpu_ms": round(1000.0 * generator / requests, 2),
        "others_cores": round(max(0.0, others / took_s), 2),
    }


def recall_parts(
    before: Moment, after: Moment, row: Mapping[str, float], *, mode: str = "hybrid"
) -> dict[str, float]:
    """Mean milliseconds of a recall by part; what no part accounts for is told as such.

    A scan is timed once for all queries of its wave, and each of them waits for all of it.
    """
    route = 'sfm_http_request_duration_seconds{route="/v1/{ns}/recall"}'
    http = mean_ms(before, after, route)
    recall = mean_ms(before, after, f'sfm_recall_duration_seconds{{mode="{mode}",outcome="ok"}}')
    stages = {
        stage: mean_ms(before, after, f'sfm_recall_stage_seconds{{stage="{stage}"}}')
        for stage in STAGES
    }
    parts = {
        **stages,
        "rest of the engine": recall - sum(stages.values()),
        "HTTP, JSON, guards": http - recall,
        "server's socket and generator": row["mean_ms"] - http,
    }
    return {name: round(value, 2) for name, value in parts.items()}


def mean_ms(before: Moment, after: Moment, series: str) -> float:
    """The mean of what a histogram saw between the two moments, in milliseconds; 0 for nothing."""
    name, brace, labels = series.partition("{")
    total, count = (
        after.sums.get(key, 0.0) - before.sums.get(key, 0.0)
        for key in (f"{name}_sum{brace}{labels}", f"{name}_count{brace}{labels}")
    )
    return 1000.0 * total / count if count else 0.0


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
