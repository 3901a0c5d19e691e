"""What the service reads from the environment."""

from dataclasses import dataclass

from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.worker_settings import KV_WRITER_PORT, WorkerSettings, metrics_port
from sfm_events.consumer_settings import ConsumerSettings
from sfm_events.kafka_settings import KafkaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class KvWriterLife(WorkerSettings):
    metrics_port: int = metrics_port(KV_WRITER_PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class KvWriterSettings:
    core: CoreSettings
    kafka: KafkaSettings
    consumer: ConsumerSettings
    worker: KvWriterLife
