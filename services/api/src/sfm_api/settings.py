"""What the service reads from the environment."""

from dataclasses import dataclass

from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_events.kafka_settings import KafkaSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """`load(ServiceSettings, environ, require=["POSTGRES_URL"])` gives all of it."""

    core: CoreSettings
    http: ApiSettings
    kafka: KafkaSettings
