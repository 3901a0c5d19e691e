"""From texts to vectors."""

from collections.abc import Sequence
from typing import Protocol

from sfm_core.model import (
    F32,
    EmbedderInfo,
)


class Embedder(Protocol):
    @property
    def info(self) -> EmbedderInfo: ...

    async def embed(self, texts: Sequence[str]) -> F32:
        """One row per text, shape (n, dim), float32, each of L2 norm 1.

        The same text gives bit-equal rows, alone or among others, in every process with the
        same `model_revision` on the same machine. Runs off the event loop. Empty text is fine.

        Raises:
            Unavailable: the queue is full, or the embedder is closed.
        """
        ...
