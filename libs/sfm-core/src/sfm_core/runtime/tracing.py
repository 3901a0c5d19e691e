"""OpenTelemetry traces, when an endpoint is set; nothing at all otherwise.

One trace holds a request, its stages, and what PostgreSQL and Redis were asked. Spans carry
templates and statements without values: no namespace, coordinate, query, memory text, token or
DSN, and of an error its class alone (drivers repeat values in their messages).
"""

import importlib.util
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from sfm_core.errors import Misconfigured
from sfm_core.ports import Telemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, TracerProvider

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
_STAGES: Final[Mapping[str, str]] = {
    "recall_stage_seconds": "recall",
    "embedder_duration_seconds": "embed",
    "store_duration_seconds": "store",
    "recall_duration_seconds": "recall",
    "view_load_seconds": "view.load",
    "vector_store_duration_seconds": "qdrant",
}
_FLUSH_S: Final = 2.0
_MOST_PARENTS: Final = 100
"""Traces in which one batch of a consumer shows."""
_PRESENT: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)


def traceparent() -> str | None:
    """W3C `traceparent` of what is being done on behalf of a request; None: nothing is traced.

    Goes along with whatever tasks and jobs the request starts.
    """
    return _PRESENT.get()


@contextmanager
def on_behalf_of(parent: str | None) -> Generator[None]:
    """Let what is done in the block belong to this trace."""
    token = _PRESENT.set(parent)
    try:
        yield
    finally:
        _PRESENT.reset(token)


class RequestSpan(Protocol):
    @property
    def trace_id(self) -> str | None:
        """32 hex digits; None when nothing is traced."""
        ...

    def answered(self, route: str, status: int) -> None:
        """Say what came of the request; `route` is the template."""
        ...


class Tracing(Protocol):
    def request(
        self, method: str, headers: Mapping[str, str]
    ) -> AbstractContextManager[RequestSpan]:
        """The span of one request, a child of the one that `traceparent` names."""
        ...

    def handling(self, name: str, parents: Sequence[str]) -> AbstractContextManager[None]:
        """A span in the trace of each `traceparent`, of a batch that several may have part in.

        What the batch asks of stores is in the first of them, to which the others are linked.
        """
        ...

    def observing(self, telemetry: Telemetry) -> Telemetry:
        """`telemetry`, with a span of the present trace for each stage it is told of."""
        ...


@final
class _NoSpan:
    trace_id: str | None = None

    def answered(self, route: str, status: int) -> None:
        del route, status


@final
class NoTracing:
    """A `Tracing` that does nothing."""

    def request(
        self, method: str, headers: Mapping[str, str]
    ) -> AbstractContextManager[RequestSpan]:
        del method, headers
        return nullcontext(_NoSpan())

    def handling(self, name: str, parents: Sequence[str]) -> AbstractContextManager[None]:
        del name, parents
        return nullcontext()

    def observing(self, telemetry: Telemetry) -> Telemetry:
        return telemetry


@contextmanager
def open_tracing(
    env: Mapping[str, str], *, service: str, exporter: "SpanExporter | None" = None
) -> Generator[Tracing]:
    """Traces to the endpoint that the standard `OTEL_*` variables name, until the block ends.

    Without an endpoint (and no `exporter`), or with `OTEL_SDK_DISABLED=true`, nothing is traced
    or imported. A collector that is down costs nothing but its spans: they are sent by a thread
    of their own, and at the end for at most two seconds.

    Raises:
        Misconfigured: a protocol is asked for that this process does not speak.
    """
    asked = exporter is not None or any(env.get(name, "").strip() for name in ENDPOINTS)
    if not asked or env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield NoTracing()
        return
    protocol = next((env[name] for name in _PROTOCOLS if env.get(name, "").strip()), _SPOKEN)
    if protocol.strip() != _SPOKEN:
        raise Misconfigured(f"{_PROTOCOLS[1]} is {_SPOKEN} here")
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        raise Misconfigured(f"{ENDPOINTS[0]} is set, but opentelemetry-sdk is not installed")
    with _provider(service, exporter) as provider, _instrumented(provider):
        yield _OpenTelemetry(provider)


@contextmanager
def _provider(service: str, exporter: "SpanExporter | None") -> "Generator[TracerProvider]":
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only when traced
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SimpleSpanProcessor,
    )

    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), shutdown_on_exit=False
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(_discreet(exporter)))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )

        sender = OTLPSpanExporter(timeout=_FLUSH_S)
        batches = BatchSpanProcessor(_discreet(sender), export_timeout_millis=_FLUSH_S * 1000)
        provider.add_span_processor(batches)
    try:
        yield provider
    finally:
        provider.shutdown()


@contextmanager
def _instrumented(provider: "TracerProvider") -> Generator[None]:
    """Spans for what asyncpg and redis-py are asked: the statements, never their values."""
    instrumentors: list[Any] = []
    for module, name in (("asyncpg", "AsyncPGInstrumentor"), ("redis", "RedisInstrumentor")):
        if importlib.util.find_spec(module) is not None:
            instrumentation = importlib.import_module(f"opentelemetry.instrumentation.{module}")
            instrumentors.append(getattr(instrumentation, name)())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        for instrumentor in reversed(instrumentors):
            instrumentor.uninstrument()


def _discreet(exporter: "SpanExporter") -> "SpanExporter":
    """`exporter`, which gets spans without events and without the words of a failure."""
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415
    from opentelemetry.trace import Status  # noqa: PLC0415

    def bare(span: ReadableSpan) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=span.attributes,
            links=span.links,
            kind=span.kind,
            instrumentation_scope=span.instrumentation_scope,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
        )

    class Discreet(SpanExporter):
        def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
            return exporter.export([bare(span) for span in spans])

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Discreet()


@final
class _OpenTelemetry:
    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        self._tracer = provider.get_tracer("sfm")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Generator[RequestSpan]:
        from opentelemetry.trace import SpanKind, use_span  # noqa: PLC0415

        parent = self._propagator.extract(headers)
        span = self._tracer.start_span(method, context=parent, kind=SpanKind.SERVER)
        span.set_attribute("http.request.method", method)
        with use_span(span, end_on_exit=True), on_behalf_of(_named(span)):
            yield _RequestSpan(span, method)

    @contextmanager
    def handling(self, name: str, parents: Sequence[str]) -> Generator[None]:
        from opentelemetry.trace import (  # noqa: PLC0415
            Link,
            SpanKind,
            get_current_span,
            use_span,
        )

        known = (self._propagator.extract({"traceparent": one}) for one in parents)
        contexts = [one for one in known if get_current_span(one).get_span_context().is_valid]
        if not contexts:
            yield
            return
        first = self._tracer.start_span(name, context=contexts[0], kind=SpanKind.CONSUMER)
        link = [Link(first.get_span_context())]
        others = [
            self._tracer.start_span(name, context=one, kind=SpanKind.CONSUMER, links=link)
            for one in contexts[1:_MOST_PARENTS]
        ]
        try:
            alone = None if others else _named(first)
            with use_span(first, end_on_exit=True), on_behalf_of(alone):
                yield
        finally:
            for span in others:
                span.end()

    def observing(self, telemetry: Telemetry) -> Telemetry:
        return _Observing(self._tracer, telemetry)


def _named(span: "Span") -> str:
    """As `traceparent` names it."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@final
@dataclass(frozen=True, slots=True)
class _RequestSpan:
    span: "Span"
    method: str

    @property
    def trace_id(self) -> str | None:
        return f"{self.span.get_span_context().trace_id:032x}"

    def answered(self, route: str, status: int) -> None:
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        self.span.update_name(f"{self.method} {route}")
        self.span.set_attribute("http.route", route)
        self.span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self.span.set_status(Status(StatusCode.ERROR))


@final
class _Observing:
    """Records spans of what has just ended; those of other tasks belong to no request."""

    def __init__(self, tracer: Any, telemetry: Telemetry) -> None:  # noqa: ANN401 - the SDK's
        self._tracer = tracer
        self._telemetry = telemetry

    def observe(self, name: str, value: float, **labels: str) -> None:
        self._telemetry.observe(name, value, **labels)
        if name in _STAGES:
            stage = labels.get("stage") or labels.get("operation")
            now = time_ns()
            span = self._tracer.start_span(
                f"{_STAGES[name]}.{stage}" if stage else _STAGES[name],
                start_time=now - int(value * 1e9),
                attributes={f"sfm.{label}": said for label, said in labels.items()},
            )
            span.end(now)

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        self._telemetry.count(name, amount, **labels)
