"""One trace for one request, from HTTP to PostgreSQL, with nothing in it that is a user's."""

import gzip
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from sfm_api.app import create_app
from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.factory import open_runtime, open_worker
from sfm_core.ports import NoTelemetry
from sfm_core.reconcile.indexing import Indexing
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.tracing import Tracing, open_tracing, traceparent
from sfm_events.judging import decoded
from sfm_events.ports import Handler
from sfm_events.relay import Relay
from sfm_events.traced import Traced
from sfm_events.transports.inmemory import InMemoryBroker, InMemoryProducer
from sfm_kv_writer.handler import KvWriter
from sfm_vector_indexer.handler import VectorIndexer
from tests.integration.test_api_process import environment, started
from tests.unit.sfm_api.api_client import AUTHORIZED, TEA

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-this-test"
TOPIC = "memory.events"
CANARY = "zebrafish-canary"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@asynccontextmanager
async def traced(dsn: str) -> AsyncGenerator[tuple[httpx.AsyncClient, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    core = CoreSettings(postgres_url=Secret(dsn), embedder="hash")
    with open_tracing({}, service="test", exporter=exporter) as tracing:
        async with open_runtime(core, telemetry=tracing.observing(NoTelemetry())) as runtime:
            app = create_app(runtime, ApiSettings(api_token=Secret(TOKEN)), tracing=tracing)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://sfm",
                headers={"Authorization": f"Bearer {TOKEN}"},
            ) as client:
                exporter.clear()
                yield client, exporter


def of_trace(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    return [span for span in spans if span.context and span.context.trace_id == int(TRACE, 16)]


async def test_a_store_is_one_trace_from_http_to_postgres(module_database: str) -> None:
    async with traced(module_database) as (client, exporter):
        answer = await client.put(
            "/v1/traces/memories/1,2",
            json={"payload": {"said": CANARY}, "session": CANARY},
            headers={"traceparent": PARENT},
        )
        assert answer.status_code == 201
        spans = of_trace(exporter.get_finished_spans())
        [server] = [span for span in spans if span.kind is SpanKind.SERVER]
        assert server.name == "PUT /v1/{ns}/memories/{coord}"
        assert server.parent is not None
        assert f"{server.parent.span_id:016x}" == PARENT.split("-")[2]
        assert dict(server.attributes or {})["http.response.status_code"] == 201
        sql = [span for span in spans if span.kind is SpanKind.CLIENT]
        assert any("INSERT INTO memories" in str(span.attributes) for span in sql)
        assert any(span.name == "store" for span in spans)
        for span in spans:
            assert span is server or span.parent is not None


async def test_the_event_of_a_write_keeps_the_trace_of_its_request(module_database: str) -> None:
    """It goes into the log with the event (ADR 181): of a store, a batch, a link, an erasure."""
    headers, memory = {"traceparent": PARENT}, {"payload": {"said": "tea"}}
    async with traced(module_database) as (client, _):
        await client.put("/v1/kept/memories/1", json=memory, headers=headers)
        batch = {"items": [memory | {"coordinate": [n]} for n in (2, 3)]}
        await client.post("/v1/kept/memories:batch", json=batch, headers=headers)
        link = {"from": [1], "to": [2]}
        await client.put("/v1/kept/links", json=link, headers=headers)
        await client.put("/v1/kept/memories/4", json=memory)
        await client.put("/v1/gone/memories/1", json=memory)
        await client.delete("/v1/gone", headers=headers)
    async with open_pool(module_database, size=1) as pool, pool.scoped("*") as connection:
        rows = await connection.fetch(
            "SELECT type, trace FROM memory_events WHERE namespace IN ('kept', 'gone') ORDER BY seq"
        )
    traces = [(row["type"], row["trace"].split("-")[1] == TRACE) for row in rows]
    assert traces == [
        ("created", True),
        ("created", True),
        ("created", True),
        ("linked", True),
        ("created", False),
        ("erased", True),
    ]


async def test_a_recall_shows_its_stages(module_database: str) -> None:
    async with traced(module_database) as (client, exporter):
        await client.put("/v1/stages/memories/1", json={"payload": {"said": "tea"}})
        exporter.clear()
        await client.post(
            "/v1/stages/recall", json={"query": "tea"}, headers={"traceparent": PARENT}
        )
        names = {span.name for span in of_trace(exporter.get_finished_spans())}
        assert {"POST /v1/{ns}/recall", "recall", "recall.embed", "recall.hydrate"} <= names


async def relay_and_consume(dsn: str, broker: InMemoryBroker, tracing: Tracing) -> None:
    core = CoreSettings(postgres_url=Secret(dsn), embedder="hash")
    async with open_worker(core) as worker:
        stores = worker.stores
        await Relay(outbox=stores.outbox, producer=InMemoryProducer(broker), topic=TOPIC).sweep()
        delivered, _ = await decoded(broker.records(TOPIC))
        batch = [one for one in delivered if one.event.namespace == "piped"]
        vectors = InMemoryVectors()
        indexing = Indexing(
            records=stores.records,
            mender=stores.digests,
            embedder=worker.embedder,
            vectors=vectors,
        )
        consumers: list[tuple[str, Handler]] = [
            (
                "kv-writer handle",
                KvWriter(
                    inbox=stores.inbox,
                    info=worker.embedder.info,
                    producer=InMemoryProducer(InMemoryBroker()),
                    clock=worker.clock,
                ),
            ),
            (
                "vector-indexer handle",
                VectorIndexer(indexing=indexing, vectors=vectors, eraser=stores.eraser),
            ),
        ]
        for name, handler in consumers:
            await Traced(handler, tracing, name=name).handle(batch)


async def test_one_write_is_one_trace_through_relay_and_consumers(module_database: str) -> None:
    """HTTP, PostgreSQL, the header of the message, the kv-writer, the vector-indexer, Qdrant."""
    broker = InMemoryBroker()
    broker.create(TOPIC)
    async with traced(module_database) as (client, exporter):
        memory = {"payload": {"said": CANARY}}
        await client.put("/v1/piped/memories/1", json=memory, headers={"traceparent": PARENT})
        with open_tracing({}, service="workers", exporter=exporter) as tracing:
            await relay_and_consume(module_database, broker, tracing)
        spans = of_trace(exporter.get_finished_spans())
    [server] = [span for span in spans if span.kind is SpanKind.SERVER]
    consumers = {span.name: span for span in spans if span.kind is SpanKind.CONSUMER}
    assert set(consumers) == {"kv-writer handle", "vector-indexer handle"}
    for span in consumers.values():
        assert span.parent is not None
        assert server.context is not None
        assert span.parent.span_id == server.context.span_id
    inside = consumers["vector-indexer handle"].context
    assert inside is not None
    assert any(span.parent and span.parent.span_id == inside.span_id for span in spans)


async def test_a_batch_shows_in_every_trace_that_has_part_in_it() -> None:
    exporter = InMemorySpanExporter()
    second = PARENT.replace("0af7", "1af7")
    with (
        open_tracing({}, service="test", exporter=exporter) as tracing,
        tracing.handling("x handle", [PARENT, "garbage", second]),
    ):
        assert traceparent() is None  # what is written is of no single one of them
    first, other = sorted(
        exporter.get_finished_spans(), key=lambda span: span.context.trace_id if span.context else 0
    )
    assert first.context is not None
    assert other.context is not None
    assert f"{first.context.trace_id:032x}" == TRACE
    assert f"{other.context.trace_id:032x}" == second.split("-")[1]
    assert [link.context.span_id for link in other.links] == [first.context.span_id]


async def test_no_span_holds_what_a_user_said(module_database: str) -> None:
    async with traced(module_database) as (client, exporter):
        memory = {"payload": {"said": CANARY}, "source": CANARY, "tags": [CANARY]}
        for call in (
            client.put("/v1/canary-space/memories/77,77", json=memory),
            client.post("/v1/canary-space/recall", json={"query": CANARY}),
            client.get("/v1/canary-space/memories", params={"tag": CANARY}),
            client.get(f"/v1/canary-space/memories/{CANARY}"),
        ):
            await call
        said = " ".join(span.to_json() for span in exporter.get_finished_spans())
        assert "memory_events" in said
        for secret in (CANARY, TOKEN, "canary-space", "77,77", "password"):
            assert secret not in said


def test_the_service_sends_its_traces_to_the_collector(collector: "Collector") -> None:
    env = environment(
        POSTGRES_URL="memory://",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        assert client.put("/v1/acme/memories/1", json=TEA).status_code == 201
        assert api.stop() == 0
    names = {
        span.name
        for body in collector.bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert "PUT /v1/{ns}/memories/{coord}" in names


def test_a_collector_that_is_away_harms_nobody() -> None:
    env = environment(
        POSTGRES_URL="memory://",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        for _ in range(20):
            assert client.get("/readyz").status_code == 200
        assert api.stop() == 0


class Collector:
    """Keeps what is sent to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            found.bodies.append(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
