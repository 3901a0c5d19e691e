"""Settings of every process that stores or recalls."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sfm_core.runtime.qdrant_settings import QdrantSettings
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting
from sfm_core.runtime.upkeep_settings import UpkeepSettings

GIB: Final = 1024**3

type EmbedderName = Literal["onnx", "hash"]
type SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSettings(UpkeepSettings, QdrantSettings):
    postgres_url: Secret | None = setting(
        "POSTGRES_URL", default=None, doc="PostgreSQL to use; standalone brings its own."
    )
    postgres_ssl_mode: SslMode | None = setting(
        "POSTGRES_SSL_MODE", default=None, doc="As libpq's sslmode; else what the URL says."
    )
    postgres_ssl_root_cert: Path | None = setting(
        "POSTGRES_SSL_ROOT_CERT", default=None, doc="CA certificate to trust."
    )
    postgres_ssl_cert: Path | None = setting(
        "POSTGRES_SSL_CERT", default=None, doc="Client certificate."
    )
    postgres_ssl_key: Path | None = setting(
        "POSTGRES_SSL_KEY", default=None, doc="Key of the client certificate."
    )
    postgres_pool_size: int = setting(
        "POSTGRES_POOL_SIZE", default=10, low=1, high=500, doc="Connections of one process."
    )
    redis_url: Secret | None = setting(
        "REDIS_URL", default=None, doc="Redis or Valkey that processes share; none: do without."
    )
    read_cache: bool = setting(
        "SFM_READ_CACHE", default=False, doc="Hold rows of hits in Redis, for a busy PostgreSQL."
    )
    embedder: EmbedderName = setting(
        "SFM_EMBEDDER", default="onnx", doc="onnx (by meaning) or hash (by words, no model)."
    )
    model_dir: Path | None = setting(
        "SFM_MODEL_DIR", default=None, doc="Folder of the ONNX model; else the packaged one."
    )
    fast_core: bool = setting(
        "SFM_FAST_CORE",
        default=True,
        doc="0: hold no vectors; Qdrant has them, else PostgreSQL answers, by words first.",
    )
    slab_max_bytes: int = setting(
        "SFM_SLAB_MAX_BYTES", default=2 * GIB, low=0, doc="Memory for vectors, all namespaces."
    )
    slab_snapshot_dir: Path | None = setting(
        "SFM_SLAB_SNAPSHOT_DIR",
        default=None,
        doc="Folder in which views are put aside for a quick start; standalone: in its data.",
    )
    recall_weight_vector: float | None = setting(
        "SFM_RECALL_WEIGHT_VECTOR", default=None, low=0, doc="Hybrid weight of meaning."
    )
    recall_weight_keyword: float | None = setting(
        "SFM_RECALL_WEIGHT_KEYWORD", default=None, low=0, doc="Hybrid weight of words."
    )
    recall_weight_context: float | None = setting(
        "SFM_RECALL_WEIGHT_CONTEXT", default=None, low=0, doc="Hybrid weight of neighbours."
    )
    recall_weight_recency: float | None = setting(
        "SFM_RECALL_WEIGHT_RECENCY", default=None, low=0, doc="Hybrid weight of being recent."
    )
    recall_weight_graph: float | None = setting(
        "SFM_RECALL_WEIGHT_GRAPH",
        default=None,
        low=0,
        doc="Weight of links beside the other hybrid weights, where graph_hops are asked.",
    )
    recall_beta: float | None = setting(
        "SFM_RECALL_BETA", default=None, low=0, high=1, doc="How much importance counts in hybrid."
    )
    recall_half_life_seconds: float | None = setting(
        "SFM_RECALL_HALF_LIFE_SECONDS",
        default=None,
        low=1,
        doc="Age at which recency has fallen to a half.",
    )
    recall_deadline_seconds: float = setting(
        "SFM_RECALL_DEADLINE_SECONDS", default=5.0, low=0.01, high=300, doc="Longest recall."
    )
    feed_interval_seconds: float = setting(
        "SFM_FEED_INTERVAL_SECONDS",
        default=0.05,
        low=0.01,
        high=60,
        doc="How often other processes' writes are looked for.",
    )
    language: str = setting(
        "SFM_LANGUAGE", default="english", doc="Snowball stemmer of the keyword leg."
    )

    def faults(self) -> list[str]:
        """Rules that span fields."""
        found: list[str] = [*UpkeepSettings.faults(self), *QdrantSettings.faults(self)]
        if (self.postgres_ssl_cert is None) != (self.postgres_ssl_key is None):
            found.append("POSTGRES_SSL_CERT and POSTGRES_SSL_KEY are given together or not at all")
        weights = (
            self.recall_weight_vector,
            self.recall_weight_keyword,
            self.recall_weight_context,
            self.recall_weight_recency,
        )
        if all(weight == 0 for weight in weights):
            found.append("the SFM_RECALL_WEIGHT_* are all zero")
        return found
