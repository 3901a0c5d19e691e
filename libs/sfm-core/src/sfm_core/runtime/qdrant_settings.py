"""Settings of the vector store."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sfm_core.runtime.secret import Secret
from sfm_core.runtime.settings import setting


@dataclass(frozen=True, kw_only=True)  # no slots: it is one of several bases
class QdrantSettings:
    qdrant_url: str | None = setting(
        "QDRANT_URL", default=None, doc="Qdrant's REST address; none: do without."
    )
    qdrant_api_key: Secret | None = setting(
        "QDRANT_API_KEY", default=None, doc="What Qdrant asks of who calls."
    )
    qdrant_tls: bool = setting(
        "QDRANT_TLS", default=False, doc="1: speak TLS to Qdrant, whatever QDRANT_URL says."
    )
    qdrant_tls_cert: Path | None = setting(
        "QDRANT_TLS_CERT",
        default=None,
        doc="CA certificate to trust; else the system's.",
    )
    qdrant_collection: str = setting(
        "QDRANT_COLLECTION", default="memory_vectors", doc="Collection that holds every memory."
    )
    qdrant_extra_collection: str | None = setting(
        "QDRANT_EXTRA_COLLECTION", default=None, doc="One more collection for every memory."
    )
    qdrant_namespace_collections: bool = setting(
        "QDRANT_NAMESPACE_COLLECTIONS",
        default=True,
        doc="0: no collection beside for each namespace, which is better for many of them.",
    )

    def faults(self) -> Iterable[str]:
        """Rules that span fields."""
        extra, shared = self.qdrant_extra_collection, self.qdrant_collection
        if extra is not None and (extra == shared or extra.startswith(f"{shared}.")):
            yield "QDRANT_EXTRA_COLLECTION is another than QDRANT_COLLECTION and its namespaces'"
        if self.qdrant_url is None and (self.qdrant_api_key or self.qdrant_tls):
            yield "QDRANT_API_KEY and QDRANT_TLS say nothing without QDRANT_URL"
