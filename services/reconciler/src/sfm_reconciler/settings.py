"""What the service reads from the environment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.worker_settings import RECONCILER_PORT, WorkerSettings, metrics_port
from sfm_events.kafka_settings import KafkaSettings

_FEWEST: Final = 4
"""Connections: a job that holds a lock needs one more for its work, and so may another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerLife(WorkerSettings):
    metrics_port: int = metrics_port(RECONCILER_PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerSettings:
    core: CoreSettings
    kafka: KafkaSettings
    worker: ReconcilerLife

    def faults(self) -> Iterable[str]:
        """Rules that span the parts."""
        if self.core.postgres_pool_size < _FEWEST:
            yield f"POSTGRES_POOL_SIZE must be {_FEWEST} or more for the reconciler"
