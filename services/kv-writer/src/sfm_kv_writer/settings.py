"""What the service reads from the environment."""

from dataclasses import dataclass

from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.settings import setting
from sfm_core.runtime.worker_settings import KV_WRITER_PORT, WorkerSettings, metrics_port
from sfm_events.consumer_settings import ConsumerSettings
from sfm_events.kafka_settings import KafkaSettings
from sfm_kv_writer.handler import LINK_WAIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class KvWriterLife(WorkerSettings):
    metrics_port: int = metrics_port(KV_WRITER_PORT)
    link_wait_seconds: float = setting(
        "SFM_LINK_WAIT_SECONDS",
        default=LINK_WAIT_S,
        low=0,
        high=86_400,
        doc="How long a link of another producer waits for the memories that it joins.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KvWriterSettings:
    core: CoreSettings
    kafka: KafkaSettings
    consumer: ConsumerSettings
    worker: KvWriterLife
