import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from sfm_core.errors import Misconfigured
from sfm_core.ports import NoTelemetry
from sfm_core.runtime.tracing import NoTracing, open_tracing
from sfm_core.testing.fakes import RecordingTelemetry


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "TRUE"},
    ],
)
def test_without_an_endpoint_nothing_is_traced(env: dict[str, str]) -> None:
    telemetry = RecordingTelemetry()
    with open_tracing(env, service="test") as tracing:
        assert isinstance(tracing, NoTracing)
        assert tracing.observing(telemetry) is telemetry
        with tracing.request("GET", {}) as span:
            span.answered("/", 200)
            assert span.trace_id is None


def test_a_protocol_that_is_not_spoken_is_refused() -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    with pytest.raises(Misconfigured, match="http/protobuf"), open_tracing(env, service="test"):
        pass


def test_a_failure_is_marked_without_its_words() -> None:
    exporter = InMemorySpanExporter()
    with (
        pytest.raises(ValueError, match="zebrafish"),
        open_tracing({}, service="test", exporter=exporter) as tracing,
        tracing.request("GET", {}),
    ):
        raise ValueError("zebrafish")
    [span] = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "zebrafish" not in span.to_json()


def test_a_call_to_qdrant_is_a_span_of_the_request_without_what_it_was_about() -> None:
    exporter = InMemorySpanExporter()
    with open_tracing({}, service="test", exporter=exporter) as tracing:
        telemetry = tracing.observing(NoTelemetry())
        with tracing.request("PUT", {}):
            for operation in ("put", "search"):
                telemetry.observe(
                    "vector_store_duration_seconds", 0.01, operation=operation, outcome="ok"
                )
    put, search, request = exporter.get_finished_spans()
    assert (put.name, search.name) == ("qdrant.put", "qdrant.search")
    assert put.context.trace_id == search.context.trace_id == request.context.trace_id
    assert dict(put.attributes or {}) == {"sfm.operation": "put", "sfm.outcome": "ok"}
