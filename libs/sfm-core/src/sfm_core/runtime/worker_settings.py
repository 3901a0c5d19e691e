"""Settings that every worker has: where it is looked at, what it logs, how it ends."""

from dataclasses import dataclass
from typing import Final

from sfm_core.runtime.api_settings import LogLevel
from sfm_core.runtime.settings import setting

KV_WRITER_PORT: Final = 8001
VECTOR_INDEXER_PORT: Final = 8002
RECONCILER_PORT: Final = 8003


def metrics_port(default: int) -> int:
    """The field `metrics_port` of a worker, with the port that is its own by default."""
    return setting(
        "SFM_METRICS_PORT",
        default=default,
        low=0,
        high=65535,
        doc="Port of /metrics, /healthz and /readyz; 0 takes a free one.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """A worker's settings class inherits from this and gives its own port:
    `metrics_port: int = metrics_port(KV_WRITER_PORT)`.
    """

    metrics_host: str = setting(
        "SFM_METRICS_HOST",
        default="127.0.0.1",
        doc="Address that /metrics, /healthz and /readyz are served on.",
    )
    metrics_port: int = metrics_port(0)
    log_level: LogLevel = setting(
        "SFM_LOG_LEVEL", default="info", doc="Least severe log line that is written."
    )
    otlp_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        default=None,
        doc="Where traces go (OTLP over HTTP); the other standard OTEL_* variables count too.",
    )
    shutdown_grace_seconds: float = setting(
        "SFM_SHUTDOWN_GRACE_SECONDS",
        default=10.0,
        low=0,
        high=600,
        doc="How long work in hand may take after a stop signal.",
    )
