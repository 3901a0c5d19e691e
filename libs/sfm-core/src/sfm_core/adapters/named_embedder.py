"""An embedder of which only its name is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, final

import anyio.to_thread

from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.minilm import ensure_minilm
from sfm_core.adapters.modelfolder import read_model_folder
from sfm_core.errors import Unavailable
from sfm_core.model import F32, EmbedderInfo


@final
class NamedEmbedder:
    """Says which model it would be, and holds none: for processes that leave embedding to others.

    `embed` raises `Unavailable`.
    """

    def __init__(self, info: EmbedderInfo) -> None:
        self._info = info

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    async def embed(self, texts: Sequence[str]) -> F32:
        del texts
        raise Unavailable("this process leaves embedding to others")

    def statistics(self) -> EmbedderStatistics:
        """Nobody waits for what is not done."""
        return EmbedderStatistics()


async def name_embedder(
    kind: Literal["onnx", "hash"], *, model_dir: Path | None, cache_dir: Path
) -> NamedEmbedder:
    """The name of the embedder that `open_embedder` would open; no model is loaded.

    Raises:
        Misconfigured: the model is missing or not what it should be.
    """
    if kind == "hash":
        return NamedEmbedder(HashEmbedder().info)

    def read() -> EmbedderInfo:
        folder = ensure_minilm(cache_dir) if model_dir is None else model_dir
        return read_model_folder(folder).info

    return NamedEmbedder(await anyio.to_thread.run_sync(read))
