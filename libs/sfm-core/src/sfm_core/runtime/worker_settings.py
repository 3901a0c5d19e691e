"""Settings that every worker has: where it is looked at, what it logs, how it ends."""

from dataclasses import dataclass
from typing import Final

from sfm_core.runtime.life_settings import LifeSettings
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
class WorkerSettings(LifeSettings):
    """A worker's settings class inherits from this and gives its own port:
    `metrics_port: int = metrics_port(KV_WRITER_PORT)`.
    """

    metrics_host: str = setting(
        "SFM_METRICS_HOST",
        default="127.0.0.1",
        doc="Address that /metrics, /healthz and /readyz are served on.",
    )
    metrics_port: int = metrics_port(0)
