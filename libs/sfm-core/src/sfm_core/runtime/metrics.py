"""Metrics over a Prometheus registry that the wiring makes and passes in."""

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Final, final, override

import anyio
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from sfm_core.ports import Telemetry
from sfm_core.runtime.metric_names import (
    LABEL_VALUES,
    MAX_OPEN_VALUES,
    METRICS,
    OTHER,
    Metric,
    MetricKind,
)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

type Reading = Callable[[], float | None]


@final
class PrometheusTelemetry:
    """A `ports.Telemetry` whose names are those of `metric_names.METRICS`, prefix left out.

    A name that is not on the list, or labels that are not the metric's, raise `ValueError`:
    tests find them (`testing.fakes.RecordingTelemetry` refuses them too). A label value
    outside its set is counted as `other`, so a scrape is bounded whatever callers send.
    Methods may be called from any thread.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._histograms: dict[str, Histogram] = {}
        self._counters: dict[str, Counter] = {}
        self._open: dict[tuple[str, str], set[str]] = {}
        self._gauges = _Gauges()
        registry.register(self._gauges)
        for metric in METRICS.values():
            if metric.kind is MetricKind.HISTOGRAM:
                self._histograms[metric.name] = Histogram(
                    metric.full_name,
                    metric.doc,
                    metric.labels,
                    buckets=metric.buckets,
                    registry=registry,
                )
            elif metric.kind is MetricKind.COUNTER:
                self._counters[metric.name] = Counter(
                    metric.full_name, metric.doc, metric.labels, registry=registry
                )

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Record one value of a histogram.

        Raises:
            ValueError: no histogram of this name and these labels.
        """
        metric = checked(name, MetricKind.HISTOGRAM, labels)
        histogram = self._histograms[name]
        bound = histogram.labels(**self._bounded(metric, labels)) if labels else histogram
        bound.observe(value)

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter.

        Raises:
            ValueError: no counter of this name and these labels, or a negative amount.
        """
        metric = checked(name, MetricKind.COUNTER, labels)
        counter = self._counters[name]
        bound = counter.labels(**self._bounded(metric, labels)) if labels else counter
        bound.inc(amount)

    def gauge(self, name: str, reading: Reading, /, **labels: str) -> None:
        """Let scrapes read a gauge; `reading` is quick, does not fail, gives None for "unknown".

        A second call with the same name and labels takes the place of the first.

        Raises:
            ValueError: no gauge of this name and these labels.
        """
        metric = checked(name, MetricKind.GAUGE, labels)
        self._gauges.add(metric, self._bounded(metric, labels), reading)

    def info(self, name: str, /, **labels: str) -> None:
        """State a fact in labels, e.g. `info("embedder_info", name="hash", …)`.

        Raises:
            ValueError: no info of this name and these labels.
        """
        metric = checked(name, MetricKind.INFO, labels)
        self._gauges.add(metric, self._bounded(metric, labels), lambda: 1.0)

    def render(self) -> bytes:
        """The scrape, in the format `CONTENT_TYPE` names."""
        return generate_latest(self.registry)

    def _bounded(self, metric: Metric, labels: Mapping[str, str]) -> dict[str, str]:
        return {label: self._value(metric.name, label, value) for label, value in labels.items()}

    def _value(self, name: str, label: str, value: str) -> str:
        fixed = LABEL_VALUES.get(label)
        if fixed is not None:
            return value if value in fixed else OTHER
        seen = self._open.setdefault((name, label), set())
        if value not in seen:
            if len(seen) >= MAX_OPEN_VALUES:
                return OTHER
            seen.add(value)
        return value


def checked(name: str, kind: MetricKind, labels: Mapping[str, str]) -> Metric:
    """The listed metric.

    Raises:
        ValueError: it is not listed, of another kind, or has other labels.
    """
    metric = METRICS.get(name)
    if metric is None or metric.kind is not kind:
        raise ValueError(f"no {kind} is called {name}: see sfm_core.runtime.metric_names")
    if set(labels) != set(metric.labels):
        raise ValueError(f"{name} has the labels {metric.labels}, not {tuple(labels)}")
    return metric


def open_telemetry() -> PrometheusTelemetry:
    """Telemetry over a registry of its own, with the process's figures and `build_info`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    telemetry = PrometheusTelemetry(registry)
    python = ".".join(str(part) for part in sys.version_info[:3])
    telemetry.info("build_info", version=version("sfm-core"), python=python)
    return telemetry


async def watch_loop(telemetry: Telemetry, *, every_s: float = 0.25) -> None:
    """Observe `event_loop_lag_seconds` until cancelled; started by the wiring."""
    while True:
        due = anyio.current_time() + every_s
        await anyio.sleep_until(due)
        telemetry.observe("event_loop_lag_seconds", max(0.0, anyio.current_time() - due))


class _Gauges(Collector):
    """Reads the callbacks when scraped."""

    def __init__(self) -> None:
        self._readings: dict[str, dict[tuple[str, ...], Reading]] = {}

    def add(self, metric: Metric, labels: Mapping[str, str], reading: Reading) -> None:
        values = tuple(labels[label] for label in metric.labels)
        self._readings.setdefault(metric.name, {})[values] = reading

    @override
    def collect(self) -> Iterator[Family]:
        for name, readings in sorted(self._readings.items()):
            metric = METRICS[name]
            family = GaugeMetricFamily(metric.full_name, metric.doc, labels=metric.labels)
            for values, reading in readings.copy().items():
                value = reading()
                if value is not None:
                    family.add_metric(values, value)
            yield family
