"""The vector store that the settings name, opened; its client is imported only then."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from sfm_core.errors import Unavailable
from sfm_core.ports import Telemetry, VectorStore
from sfm_core.runtime.qdrant_settings import QdrantSettings

_LOG: Final = logging.getLogger(__name__)


class ObservedVectorStore(VectorStore, Protocol):
    """A vector store that says how it fares."""

    @property
    def is_broken(self) -> bool:
        """True while calls are passed by, because earlier ones failed."""
        ...


@asynccontextmanager
async def open_vector_store(
    settings: QdrantSettings, *, dim: int, telemetry: Telemetry
) -> AsyncGenerator[ObservedVectorStore | None]:
    """None without `QDRANT_URL`. Ready whether or not Qdrant answers: it is asked again.

    Raises:
        Misconfigured: the address is none; Qdrant refuses the credentials; its certificate is
            not trusted; or it holds vectors of another length.
    """
    if settings.qdrant_url is None:
        yield None
        return
    # 96 MB and a second, which who has no Qdrant does not pay
    from sfm_core.adapters.qdrant.link import Address  # noqa: PLC0415
    from sfm_core.adapters.qdrant.store import QdrantVectors  # noqa: PLC0415

    key = settings.qdrant_api_key
    address = Address(
        url=settings.qdrant_url,
        api_key=None if key is None else key.value,
        tls=settings.qdrant_tls,
        root_cert=settings.qdrant_tls_cert,
    )
    async with QdrantVectors.open(
        address,
        collection=settings.qdrant_collection,
        extra=settings.qdrant_extra_collection,
        own=settings.qdrant_namespace_collections,
        telemetry=telemetry,
    ) as vectors:
        try:
            await vectors.prepare(dim=dim)
        except Unavailable as error:
            _LOG.warning("vector_store.unavailable", extra={"reason": error.detail})
        yield vectors
