"""Settings of every service: what it logs, where its traces go, how it ends."""

from dataclasses import dataclass
from typing import Literal

from sfm_core.runtime.settings import setting

type LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeSettings:
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
