"""The embedder that needs no model: `sfm_core.hashing` behind the `Embedder` port."""

from collections.abc import Sequence
from typing import Final, final

import anyio.to_thread

from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.errors import Misconfigured
from sfm_core.hashing import HASH_REVISION, hash_vectors
from sfm_core.model import F32, EmbedderInfo

HASH_FLOOR: Final = 0.04
"""Mean cosine of LoCoMo questions with random turns of another conversation; the 75th percentile
is 0.08. Measured by `benchmarks/embedder.py` (ADR 024)."""

_INLINE_CHARS: Final = 2_000
"""Up to this many characters in all (about 2 ms of work) a thread costs more than it frees."""
_MAX_DIM: Final = 65_536


@final
class HashEmbedder:
    """Deterministic vectors from words and character n-grams; the same in every service.

    Holds nothing that needs closing and has no queue, so it is never `Unavailable`.
    """

    def __init__(self, dim: int = 384) -> None:
        if not 8 <= dim <= _MAX_DIM:
            raise Misconfigured(f"a hash embedding of {dim} dimensions is outside [8, {_MAX_DIM}]")
        self._info = EmbedderInfo(
            name="hash",
            model_revision=f"{HASH_REVISION}-{dim}",
            dim=dim,
            floor=HASH_FLOOR,
            semantic=False,
        )
        self._served = 0

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    async def embed(self, texts: Sequence[str]) -> F32:
        """As the port says; many or long texts are hashed on a thread."""
        if sum(len(text) for text in texts) <= _INLINE_CHARS:
            rows = hash_vectors(texts, self._info.dim)
        else:
            rows = await anyio.to_thread.run_sync(hash_vectors, list(texts), self._info.dim)
        self._served += len(texts)
        return rows

    def statistics(self) -> EmbedderStatistics:
        return EmbedderStatistics(served=self._served)
