"""Every `SFM_*` variable of the product, whichever process reads it.

One environment often serves several processes (compose, one `.env`), so a process must not
refuse a name only because another one reads it. What is in no list is a typing error.
"""

from typing import Final

SFM_NAMES: Final = frozenset(
    {
        "SFM_AUDIT_INTERVAL_SECONDS",
        "SFM_CONSUMER_MAX_RECORDS",
        "SFM_DATA_DIR",
        "SFM_DECAY_KEYS_BY_LEVEL",
        "SFM_DECAY_PROTECT_IMPORTANCE",
        "SFM_DECAY_REQUIRED_KEYS",
        "SFM_DECAY_THRESHOLDS_SECONDS",
        "SFM_DLQ_LIMIT",
        "SFM_EMBEDDER",
        "SFM_FAST_CORE",
        "SFM_FEED_INTERVAL_SECONDS",
        "SFM_HTTP_HOST",
        "SFM_HTTP_PORT",
        "SFM_LANGUAGE",
        "SFM_LINK_WAIT_SECONDS",
        "SFM_LOG_LEVEL",
        "SFM_MAX_MEMORY_SIZE",
        "SFM_METRICS_HOST",
        "SFM_METRICS_PORT",
        "SFM_MODEL_DIR",
        "SFM_PRUNING_INTERVAL_SECONDS",
        "SFM_READ_CACHE",
        "SFM_RECALL_BETA",
        "SFM_RECALL_DEADLINE_SECONDS",
        "SFM_RECALL_HALF_LIFE_SECONDS",
        "SFM_RECALL_WEIGHT_CONTEXT",
        "SFM_RECALL_WEIGHT_GRAPH",
        "SFM_RECALL_WEIGHT_KEYWORD",
        "SFM_RECALL_WEIGHT_RECENCY",
        "SFM_RECALL_WEIGHT_VECTOR",
        "SFM_RECEIPT_TTL_SECONDS",
        "SFM_RECONCILE_INTERVAL_SECONDS",
        "SFM_SHUTDOWN_GRACE_SECONDS",
        "SFM_SLAB_MAX_BYTES",
        "SFM_SLAB_SNAPSHOT_DIR",
        "SFM_STACK_DIR",
        "SFM_STACK_KAFKA_HEAP_MB",
        "SFM_STACK_KAFKA_PARTITIONS",
        "SFM_STACK_KAFKA_PORT",
        "SFM_STACK_KV_WRITER_PORT",
        "SFM_STACK_POSTGRES_PORT",
        "SFM_STACK_QDRANT_PORT",
        "SFM_STACK_READY_SECONDS",
        "SFM_STACK_RECONCILER_PORT",
        "SFM_STACK_REDIS_PORT",
        "SFM_STACK_VECTOR_INDEXER_PORT",
    }
)
