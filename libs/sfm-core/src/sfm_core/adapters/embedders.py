"""Opens the embedder that the settings ask for."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

import anyio.to_thread

from sfm_core.adapters.embedder_statistics import EmbedderStatistics
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.minilm import ensure_minilm
from sfm_core.adapters.onnx_embedder import OnnxEmbedder
from sfm_core.ports import Embedder, Telemetry


class ObservedEmbedder(Embedder, Protocol):
    """An embedder whose queue can be looked at."""

    def statistics(self) -> EmbedderStatistics: ...


@asynccontextmanager
async def open_embedder(
    kind: Literal["onnx", "hash"],
    *,
    model_dir: Path | None,
    cache_dir: Path,
    telemetry: Telemetry | None = None,
) -> AsyncGenerator[ObservedEmbedder]:
    """The embedder of this kind, ready to serve until the block ends.

    `onnx` takes the model folder `model_dir`, or the packaged MiniLM, which is built under
    `cache_dir` the first time. It never falls back to hashes: a model that cannot be had is
    an error.

    Raises:
        Misconfigured: the model is missing or not what it should be.
    """
    if kind == "hash":
        yield HashEmbedder()
        return
    folder = model_dir
    if folder is None:
        folder = await anyio.to_thread.run_sync(ensure_minilm, cache_dir)
    async with OnnxEmbedder.open(folder, telemetry=telemetry) as embedder:
        yield embedder
