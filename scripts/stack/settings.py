"""What can be said about the local stack, in the environment of `make stack`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting

PREFIX: Final = "SFM_STACK_"
_PORT: Final = "0 takes a free one; else the usual one where it is free, else a free one."


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """Ports that are given are used or the start fails; all listen on loopback alone."""

    folder: Path = setting(
        "SFM_STACK_DIR", default=Path("data/stack"), doc="Folder of its data, logs and token."
    )
    api_token: Secret | None = setting(
        "SOMA_API_TOKEN", default=None, doc="Admin bearer token; else one is made and kept."
    )
    api_port: int | None = setting(
        "SFM_HTTP_PORT", default=None, low=0, high=65535, doc=f"REST, usually 9595. {_PORT}"
    )
    postgres_port: int | None = setting(
        "SFM_STACK_POSTGRES_PORT", default=None, low=0, high=65535, doc=f"Usually 5432. {_PORT}"
    )
    redis_port: int | None = setting(
        "SFM_STACK_REDIS_PORT", default=None, low=0, high=65535, doc=f"Usually 6379. {_PORT}"
    )
    kafka_port: int | None = setting(
        "SFM_STACK_KAFKA_PORT", default=None, low=0, high=65535, doc=f"Usually 9092. {_PORT}"
    )
    qdrant_port: int | None = setting(
        "SFM_STACK_QDRANT_PORT", default=None, low=0, high=65535, doc=f"Usually 6333. {_PORT}"
    )
    kv_writer_port: int | None = setting(
        "SFM_STACK_KV_WRITER_PORT", default=None, low=0, high=65535, doc=f"Usually 8001. {_PORT}"
    )
    vector_indexer_port: int | None = setting(
        "SFM_STACK_VECTOR_INDEXER_PORT",
        default=None,
        low=0,
        high=65535,
        doc=f"Usually 8002. {_PORT}",
    )
    reconciler_port: int | None = setting(
        "SFM_STACK_RECONCILER_PORT", default=None, low=0, high=65535, doc=f"Usually 8003. {_PORT}"
    )
    kafka_heap_mb: int = setting(
        "SFM_STACK_KAFKA_HEAP_MB", default=256, low=96, high=65536, doc="Java heap of the broker."
    )
    kafka_partitions: int = setting(
        "SFM_STACK_KAFKA_PARTITIONS",
        default=12,
        low=1,
        high=1000,
        doc="Partitions of the event topic, when it is made.",
    )
    ready_seconds: float = setting(
        "SFM_STACK_READY_SECONDS",
        default=90.0,
        low=1,
        high=3600,
        doc="How long the servers, and then the services, may take until they are ready.",
    )
