"""What the service reads from the environment."""

from dataclasses import dataclass

from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.worker_settings import VECTOR_INDEXER_PORT, WorkerSettings, metrics_port
from sfm_events.consumer_settings import ConsumerSettings
from sfm_events.kafka_settings import KafkaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorIndexerLife(WorkerSettings):
    metrics_port: int = metrics_port(VECTOR_INDEXER_PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorIndexerSettings:
    core: CoreSettings
    kafka: KafkaSettings
    consumer: ConsumerSettings
    worker: VectorIndexerLife
