"""Recall without vectors in memory beside recall over a slab: how often the same, at what cost.

    python -m benchmarks.pipeline.order [--rows 6000] [--questions 200] [--data folder]

The same memories (LoCoMo's turns where `data` has them) in two engines of one process: one with a
slab, one whose vectors are in a vector index. Both stores are the twins in memory: the times tell
of no server, and the twin of the index is a slow one. Prints, for each mode and `top_k`: the share
of answers that are equal to the bit, the share that says it may not be, and how many are wrong and
do not say so; how many vectors were read for a question; and how long it took.
"""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from uuid import UUID

from benchmarks.pipeline.report import Cell, Row, Table, quantile
from benchmarks.pipeline.running import alone
from benchmarks.service.material import material
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_vectors import InMemoryVectors
from sfm_core.coordinates import Coordinate
from sfm_core.encode import hit as encoded
from sfm_core.indexing.points import point_of
from sfm_core.model import MemoryDraft, Mode, RecallQuery, RecallResult, Upsert, ViewRow
from sfm_core.recall.engine import RecallEngine, RecallPolicy
from sfm_core.testing.fakes import ManualClock
from sfm_core.text import effective_text

NAMESPACE = "order"
SLICE = 500


class CountingStore(InMemoryStore):
    """Counts the rows that are read by id."""

    reads = 0

    async def view_rows(
        self, namespace: str, ids: Collection[UUID], *, model_revision: str
    ) -> Sequence[ViewRow]:
        self.reads += len(ids)
        return await super().view_rows(namespace, ids, model_revision=model_revision)


async def filled(
    rows: int, data: Path, embedder: HashEmbedder
) -> tuple[CountingStore, InMemoryVectors, list[str]]:
    items, questions = material(data, rows)
    store, index = CountingStore(), InMemoryVectors()
    revision = embedder.info.model_revision
    for start in range(0, rows, SLICE):
        drafts = [
            MemoryDraft(
                payload=item["payload"],
                text=item["text"],
                session=item["session"],
                source=item.get("source"),
                occurred_at=datetime.fromisoformat(item["occurred_at"]),
            )
            for item in items[start : start + SLICE]
        ]
        vectors = await embedder.embed([effective_text(draft) for draft in drafts])
        writes = [
            Upsert(
                coordinate=Coordinate.of([start + n]),
                draft=draft,
                text=effective_text(draft),
                vector=vector,
                model_revision=revision,
                content_key=start + n,
            )
            for n, (draft, vector) in enumerate(zip(drafts, vectors, strict=True))
        ]
        await store.apply(NAMESPACE, writes)
    async for page in store.load(NAMESPACE, model_revision=revision):
        points = [point_of(row, generation=1, model_revision=revision) for row in page]
        await index.put(NAMESPACE, [point for point in points if point is not None])
    return store, index, questions


def shown(result: RecallResult) -> list[object]:
    return [encoded(one, payload=True, text=True) for one in result.hits]


async def compared(
    slab: RecallEngine, afar: RecallEngine, store: CountingStore, queries: Sequence[RecallQuery]
) -> dict[str, Cell]:
    """One row of the table, without the mode and `top_k`."""
    equal = said = wrong = 0
    reads: list[int] = []
    took: dict[str, list[float]] = {"slab": [], "afar": []}
    for query in queries:
        results = {}
        for name, engine in (("slab", slab), ("afar", afar)):
            before, started = store.reads, perf_counter()
            results[name] = await engine.recall(NAMESPACE, query)
            took[name].append(1000.0 * (perf_counter() - started))
            if name == "afar":
                reads.append(store.reads - before)
        same = shown(results["slab"]) == shown(results["afar"])
        degraded = bool(results["afar"].degraded)
        equal += same and not degraded
        said += degraded
        wrong += not same and not degraded
    count = len(queries)
    return {
        "equal": f"{equal / count:.3f}",
        "says so": f"{said / count:.3f}",
        "wrong": wrong,
        "reads p50": quantile(reads, 0.5),
        "p95": quantile(reads, 0.95),
        "slab ms": quantile(took["slab"], 0.5),
        "afar ms": quantile(took["afar"], 0.5),
    }


async def tables(arguments: argparse.Namespace) -> list[Table]:
    embedder, clock = HashEmbedder(), ManualClock(datetime.now(UTC) + timedelta(days=1))
    store, index, questions = await filled(arguments.rows, arguments.data, embedder)
    policy = RecallPolicy(deadline_s=60.0, patience_s=30.0)
    rows: list[Row] = []
    async with (
        RecallEngine.open(
            records=store,
            feed=store,
            embedder=embedder,
            clock=clock,
            policy=policy,
        ) as slab,
        RecallEngine.open(
            records=store,
            feed=store,
            embedder=embedder,
            clock=clock,
            policy=replace(policy, fast_core=False),
            vectors=index,
        ) as afar,
    ):
        for mode in (Mode.HYBRID, Mode.VECTOR, Mode.KEYWORD):
            for top_k in (5, 50):
                asked = [
                    RecallQuery(query=question, mode=mode, top_k=top_k)
                    for question in questions[: arguments.questions]
                ]
                found = await compared(slab, afar, store, asked)
                rows.append({"mode": mode.value, "top_k": top_k, **found})
    about = (
        f"Recall over a vector index beside recall over a slab, {arguments.rows} memories, "
        f"{arguments.questions} questions:"
    )
    return [Table("order", about, rows)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=6000, help="order: memories")
    parser.add_argument("--questions", type=int, default=200, help="order: asked of each kind")


if __name__ == "__main__":
    alone(__doc__, add_arguments, tables)
