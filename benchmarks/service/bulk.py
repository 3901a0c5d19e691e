"""How fast memories are stored in bulk, beside the embedder alone on the same texts."""

from collections.abc import Sequence
from datetime import datetime
from itertools import batched
from statistics import median
from time import perf_counter
from typing import Any

import anyio
import httpx

from benchmarks.standalone import Server
from sfm_core.adapters.onnx_embedder import OnnxEmbedder
from sfm_core.testing.models import minilm_folder
from sfm_core.text import indexed_text

BATCH = 250
IN_FLIGHT = 2
ROUNDS = 5
ALONE_SHARE = 4
"""The embedder alone gets every so manieth text of a round."""


async def filled(
    server: Server, namespace: str, memories: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Store everything in rounds, the embedder alone taking its turn before each.

    Turn by turn, so that whatever else the machine does meets both; `share` is the median of
    the rounds' own ratios.
    """
    rounds = []
    limits = httpx.Limits(max_connections=IN_FLIGHT)
    async with (
        OnnxEmbedder.open(minilm_folder()) as embedder,
        httpx.AsyncClient(
            base_url=server.url, headers=server.headers, timeout=120.0, limits=limits
        ) as api,
    ):
        for part in batched(memories, -(-len(memories) // ROUNDS)):
            alone_per_s = await _alone(embedder, part[::ALONE_SHARE])
            stored_per_s = await _stored(api, namespace, part)
            rounds.append((stored_per_s, alone_per_s))
    return {
        "per_s": round(median(stored for stored, _ in rounds), 1),
        "embedder_alone_per_s": round(median(alone for _, alone in rounds), 1),
        "share": round(median(stored / alone for stored, alone in rounds), 2),
        "rounds": [[round(stored, 1), round(alone, 1)] for stored, alone in rounds],
    }


async def _alone(embedder: OnnxEmbedder, memories: Sequence[dict[str, Any]]) -> float:
    texts = [_text(memory) for memory in memories]
    begun = perf_counter()
    for some in batched(texts, BATCH):
        await embedder.embed(some)
    return len(texts) / (perf_counter() - begun)


async def _stored(
    api: httpx.AsyncClient, namespace: str, memories: Sequence[dict[str, Any]]
) -> float:
    turn = anyio.CapacityLimiter(IN_FLIGHT)

    async def send(items: Sequence[dict[str, Any]]) -> None:
        async with turn:
            answer = await api.post(f"/v1/{namespace}/memories:batch", json={"items": items})
        answer.raise_for_status()
        refused = [result for result in answer.json()["results"] if result.get("error")]
        if refused:
            raise SystemExit(f"not stored: {refused[0]}")

    begun = perf_counter()
    async with anyio.create_task_group() as tasks:
        for items in batched(memories, BATCH):
            tasks.start_soon(send, items)
    return len(memories) / (perf_counter() - begun)


def _text(memory: dict[str, Any]) -> str:
    happened = memory.get("occurred_at")
    return indexed_text(
        memory["text"],
        source=memory.get("source"),
        occurred_at=None if happened is None else datetime.fromisoformat(happened),
    )
