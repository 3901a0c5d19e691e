"""Every metric of the product, in one list; `docs/operations.md` is held to it by a test."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sfm_core.errors import ErrorKind
from sfm_core.importance import METHODS
from sfm_core.model import Accepted, EffectKind, JobName, Mode, RepairKind
from sfm_core.timing import CRASH, OK

PREFIX: Final = "sfm_"
OTHER: Final = "other"
MAX_OPEN_VALUES: Final = 100
"""Distinct values that a label without a fixed set may take; what comes later is `other`."""

OUTCOMES: Final = frozenset({OK, CRASH, *ErrorKind})


class MetricKind(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"
    """Read from a callback when scraped."""
    INFO = "info"
    """Constantly 1, with what it says in its labels."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    """Without the prefix."""
    kind: MetricKind
    doc: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


SECONDS: Final = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0,
)  # fmt: skip
LONG_SECONDS: Final = (*SECONDS, 30.0, 60.0, 300.0, 1800.0)
"""For what an outage may hold up."""
COUNTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)

LABEL_VALUES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "method": frozenset({"GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"}),
        "outcome": OUTCOMES,
        "operation": frozenset(
            {"prepare", "put", "get", "search", "scan", "count", "delete", "ping"}
        ),
        "mode": frozenset(Mode),
        "effect": frozenset({*EffectKind, *RepairKind, "published", "forgotten"}),
        "job": frozenset(JobName),
        "normaliser": frozenset(METHODS),
        "event": frozenset({"restored", "refused", "saved", "not_saved"}),
        "result": frozenset({"hit", "miss", "stale"}),
        "reason": frozenset({"outage", "poison"}),
        "acceptance": frozenset({*Accepted, "own"}),
        "stage": frozenset({"embed", "wait", "scan", "hydrate"}),
    }
)
"""The values a label may take; a label that is not here may take `MAX_OPEN_VALUES`."""


def _seconds(name: str, doc: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.HISTOGRAM, doc, labels, SECONDS)


def _long(name: str, doc: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.HISTOGRAM, doc, labels, LONG_SECONDS)


def _counts(name: str, doc: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.HISTOGRAM, doc, labels, COUNTS)


def _counter(name: str, doc: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.COUNTER, doc, labels)


def _gauge(name: str, doc: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.GAUGE, doc, labels)


def _info(name: str, doc: str, *labels: str) -> Metric:
    return Metric(name, MetricKind.INFO, doc, labels)


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            _counter(
                "http_requests_total", "HTTP requests answered.", "method", "route", "outcome"
            ),
            _seconds("http_request_duration_seconds", "Time to the end of the answer.", "route"),
            _seconds("recall_duration_seconds", "Time of one recall.", "mode", "outcome"),
            _seconds("recall_stage_seconds", "Time of one stage of a recall.", "stage"),
            _counts("recall_batch_queries", "Queries that shared one scan of the vectors."),
            _counts("recall_vectors_read", "Vectors read for one recall that has none in memory."),
            _counter("recall_degraded_total", "Recalls answered without a leg.", "leg"),
            _seconds("store_duration_seconds", "Time of one store, remember or batch.", "outcome"),
            _counts("store_batch_items", "Items of one batch."),
            _gauge("slab_rows", "Vectors held in process memory, all namespaces."),
            _gauge("slab_bytes", "Memory of those vectors and their columns."),
            _gauge("view_namespaces", "Namespaces with a loaded view."),
            _gauge("view_position", "Highest place of the log that a loaded view has seen."),
            _gauge("view_age_seconds", "Since the views were last compared with the log."),
            _gauge("importance_namespaces", "Loaded namespaces under a normaliser.", "normaliser"),
            _seconds("view_load_seconds", "Time to load the view of one namespace."),
            _counter("view_evictions_total", "Views dropped to keep to the memory budget."),
            _counter(
                "view_snapshots_total",
                "Views taken back from disk (restored, refused) or put aside (saved, not_saved).",
                "event",
            ),
            _seconds("feed_lag_seconds", "From the commit of a change to its sight in a view."),
            _seconds("feed_poll_seconds", "Time of one look for changes of other processes."),
            _gauge("embedder_queue_texts", "Texts that wait to be embedded."),
            _counts("embedder_batch_texts", "Texts embedded in one go."),
            _seconds("embedder_duration_seconds", "Time on the threads for one go.", "outcome"),
            _seconds("upkeep_duration_seconds", "Time of one upkeep run.", "outcome"),
            _counter("upkeep_effects_total", "Memories that upkeep changed.", "effect"),
            _gauge("wal_entries", "Memories that are owed to the vector index."),
            _gauge("wal_oldest_age_seconds", "Since the first of them is owed."),
            _seconds("reconcile_duration_seconds", "Time of a round of a job.", "job", "outcome"),
            _counter("reconcile_effects_total", "What a job did.", "job", "effect"),
            _counter(
                "parity_differences_total", "Differences that an audit found, to last.", "effect"
            ),
            _info("embedder_info", "The embedder in use.", "name", "semantic", "revision"),
            _seconds("redis_duration_seconds", "Time a caller waited for Redis.", "outcome"),
            _gauge("redis_breaker_open", "1 while Redis is passed by, because it failed."),
            _seconds(
                "vector_store_duration_seconds",
                "Time of one call to Qdrant.",
                "operation",
                "outcome",
            ),
            _counter(
                "vector_store_missed_total", "Memories that were stored, and indexed only later."
            ),
            _gauge("vector_store_breaker_open", "1 while Qdrant is passed by, because it failed."),
            _counter("cache_rows_total", "Rows of hits asked of the read cache.", "result"),
            _gauge("limiter_shared", "1: requests are counted in Redis; 0: by this process."),
            _counter("rate_limited_total", "Requests refused by the rate limit."),
            _counter("consumer_handled_total", "Events that a consumer handled.", "consumer"),
            _counter(
                "consumer_failed_total",
                "Tries that came to nothing (outage: waited out; poison: halved).",
                "consumer",
                "reason",
            ),
            _counter(
                "consumer_dead_lettered_total",
                "Records that can never be handled, put aside with a reason.",
                "consumer",
            ),
            _counts("consumer_batch_records", "Records handled in one go.", "consumer"),
            _seconds("consumer_handle_seconds", "Time of one go.", "consumer", "outcome"),
            _long(
                "consumer_lag_seconds",
                "From the write of an event to its handling (imports: from the time they say).",
                "consumer",
            ),
            _gauge("consumer_lag_records", "Records that a consumer has not fetched.", "consumer"),
            _gauge(
                "consumer_ready", "1 while a consumer goes on; 0: it waits or halted.", "consumer"
            ),
            _counter("outbox_relayed_total", "Events that the relay published."),
            _counter("outbox_refused_total", "Events that no transport takes; see the log."),
            _gauge("outbox_unsent_rows", "Events that are not published yet."),
            _gauge("outbox_oldest_age_seconds", "Since the oldest unpublished event was written."),
            _seconds("event_loop_lag_seconds", "How late the event loop came round."),
            _counter(
                "inbox_events_total",
                "Events given to the kv-writer, by what became of them.",
                "acceptance",
            ),
            _counter("indexed_texts_total", "Memories the vector-indexer has embedded."),
            _counter("indexed_points_total", "Points it has given to the vector store."),
            _info("build_info", "What runs.", "version", "python"),
        )
    }
)
