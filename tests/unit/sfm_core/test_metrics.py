import ast
import re
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from sfm_core.ports import Telemetry
from sfm_core.runtime.metric_names import (
    LABEL_VALUES,
    MAX_OPEN_VALUES,
    METRICS,
    Metric,
    MetricKind,
)
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry, watch_loop
from sfm_core.testing.fakes import RecordingTelemetry

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"\| `(sfm_\w+)` \| (\w+) \| ([^|]*) \|")


def fresh() -> PrometheusTelemetry:
    return PrometheusTelemetry(CollectorRegistry())


def samples(telemetry: PrometheusTelemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(telemetry.render().decode())
        for sample in family.samples
    }


def a_label(metric: Metric) -> dict[str, str]:
    return {label: min(LABEL_VALUES.get(label, {"any"})) for label in metric.labels}


def test_every_listed_metric_can_be_recorded_and_is_scraped() -> None:
    telemetry = fresh()
    for metric in METRICS.values():
        labels = a_label(metric)
        match metric.kind:
            case MetricKind.HISTOGRAM:
                telemetry.observe(metric.name, 0.01, **labels)
            case MetricKind.COUNTER:
                telemetry.count(metric.name, 1.0, **labels)
            case MetricKind.GAUGE:
                telemetry.gauge(metric.name, lambda: 3.0, **labels)
            case MetricKind.INFO:
                telemetry.info(metric.name, **labels)
    scraped = {name for name, _ in samples(telemetry)}
    for metric in METRICS.values():
        suffix = "_count" if metric.kind is MetricKind.HISTOGRAM else ""
        assert metric.full_name + suffix in scraped


def test_names_follow_the_rules() -> None:
    for metric in METRICS.values():
        assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
        assert metric.doc.endswith(".")
        assert metric.name.endswith("_total") is (metric.kind is MetricKind.COUNTER)
        assert not set(metric.labels) & {"namespace", "coordinate", "id", "path", "token"}


def test_unknown_names_kinds_and_labels_raise_in_the_real_one_and_in_the_recording_one() -> None:
    for telemetry in (fresh(), RecordingTelemetry()):
        for name, labels in [
            ("recall_seconds", {}),
            ("slab_rows", {}),
            ("recall_stage_seconds", {}),
            ("recall_stage_seconds", {"stage": "scan", "mode": "vector"}),
        ]:
            with pytest.raises(ValueError, match=name):
                telemetry.observe(name, 1.0, **labels)
        with pytest.raises(ValueError, match="no counter"):
            telemetry.count("recall_stage_seconds", stage="scan")


def test_gauges_are_read_at_the_scrape_and_the_last_reading_counts() -> None:
    telemetry, rows = fresh(), [1.0]
    telemetry.gauge("slab_rows", lambda: rows[-1])
    telemetry.gauge("slab_bytes", lambda: None)
    rows.append(7.0)
    assert samples(telemetry)[("sfm_slab_rows", ())] == 7.0
    assert ("sfm_slab_bytes", ()) not in samples(telemetry)
    telemetry.gauge("slab_rows", lambda: 9.0)
    assert samples(telemetry)[("sfm_slab_rows", ())] == 9.0


def test_a_scrape_is_bounded_whatever_callers_send() -> None:
    telemetry = fresh()
    for i in range(3 * MAX_OPEN_VALUES):
        telemetry.count("http_requests_total", method=f"M{i}", route=f"/{i}", outcome=f"o{i}")
    series = [labels for name, labels in samples(telemetry) if name == "sfm_http_requests_total"]
    assert len(series) == MAX_OPEN_VALUES + 1
    assert {dict(labels)["method"] for labels in series} == {"other"}
    total = sum(v for (n, _), v in samples(telemetry).items() if n == "sfm_http_requests_total")
    assert total == 3 * MAX_OPEN_VALUES


async def test_the_lag_of_the_loop_is_observed() -> None:
    telemetry = fresh()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: watch_loop(telemetry, every_s=0.001))
            while samples(telemetry)[("sfm_event_loop_lag_seconds_count", ())] < 3:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


def test_a_process_says_what_it_is() -> None:
    scraped = samples(open_telemetry())
    [build] = [labels for name, labels in scraped if name == "sfm_build_info"]
    assert dict(build).keys() == {"version", "python"}
    assert any(name == "process_resident_memory_bytes" for name, _ in scraped)


def test_it_is_a_telemetry() -> None:
    telemetry: Telemetry = fresh()
    telemetry.observe("recall_stage_seconds", 0.003, stage="scan")


def test_the_document_lists_exactly_the_metrics_of_the_code() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    listed = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(text)
    }
    assert listed == {m.full_name: (m.kind.value, m.labels) for m in METRICS.values()}


def recorded() -> Iterator[tuple[str, str]]:
    """(where, name) of every metric that the product's code names in a call."""
    sources = [*ROOT.glob("libs/*/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id=owner) | ast.Attribute(attr=owner),
                        attr="observe" | "count" | "gauge" | "info",
                    ),
                    args=[ast.Constant(value=str(name)), *_],
                ) if "telemetry" in owner or "metrics" in owner:
                    yield str(source.relative_to(ROOT)), name


def test_the_code_records_only_metrics_that_are_listed() -> None:
    calls = list(recorded())
    assert calls
    assert [(where, name) for where, name in calls if name not in METRICS] == []
