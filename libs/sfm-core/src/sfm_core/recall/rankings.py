"""From questions to rankings: embedded, planned, and ranked over the view or the store."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final, final

import numpy as np

from sfm_core.errors import Unavailable
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import F32, Leg, Mode, RecallQuery
from sfm_core.ports import Clock, Embedder, Telemetry
from sfm_core.recall.afar_ranking import AfarRanking, Elsewhere
from sfm_core.recall.entry import Entry
from sfm_core.recall.from_store import FromStore
from sfm_core.recall.payloads import PayloadColumns
from sfm_core.recall.rank import Plan, Ranked
from sfm_core.recall.scans import Scans
from sfm_core.recall.view import Snapshot
from sfm_core.recall.views import Views
from sfm_core.scoring import Scoring

NO_DIRECTION: Final = 1e-6
"""A shorter mix of vectors points nowhere."""
SLAB: Final = "slab"
"""In `degraded`: there was no view in memory, the store alone answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A way to rank the questions, now and again when the store has moved on."""

    rank: Callable[[], Awaitable[tuple[Snapshot, Sequence[Ranked]]]]
    renew: Callable[[], Awaitable[None]]
    """Await it before ranking anew."""
    explained: Callable[[Snapshot, Sequence[Ranked]], Awaitable[Sequence[Ranked]]]
    """What `rank` gave, with what became of the memories that the questions name."""
    degraded: Sequence[tuple[str, ...]]
    """For each question."""


@final
class Rankings:
    def __init__(
        self,
        *,
        views: Views | None,
        scans: Scans,
        payloads: PayloadColumns,
        from_store: FromStore | None,
        elsewhere: Elsewhere | None,
        embedder: Embedder,
        clock: Clock,
        analyzer: Analyzer,
        scoring: Scoring,
        patience_s: float,
        poll_s: float,
        telemetry: Telemetry,
    ) -> None:
        """Without `views` all is asked of the store; without `from_store` views are waited for.

        `elsewhere` are the vectors of light views, which there are none of without it.
        """
        self._views = views
        self._scans = scans
        self._payloads = payloads
        self._from_store = from_store
        self._elsewhere = elsewhere
        self._embedder = embedder
        self._clock = clock
        self._analyzer = analyzer
        self._scoring = scoring
        self._patience_s = patience_s
        self._poll_s = poll_s
        self._telemetry = telemetry

    @asynccontextmanager
    async def open(self, namespace: str, queries: Sequence[RecallQuery]) -> AsyncGenerator[Ranking]:
        """A ranking to use in the block.

        Raises:
            Unavailable: the store, or for mode `vector` the embedder, does not answer.
        """
        vectors, blind = await self._embed(queries)
        wanted = max((query.min_position or 0 for query in queries), default=0)
        entry = await self._entry(namespace, wanted)
        plans = self._plans(queries, vectors)
        degraded = [blind if query.mode is not Mode.KEYWORD else () for query in queries]
        if entry is None:
            self._telemetry.count("recall_degraded_total", leg=SLAB)
            without = [
                (*one, SLAB, Leg.GRAPH.value) if query.graph_hops else (*one, SLAB)
                for one, query in zip(degraded, queries, strict=True)
            ]
            yield self._of_store(namespace, plans, without)
            return
        found = entry
        async with self._payloads.held(found, namespace, [query.filter for query in queries]):
            yield self._of_view(namespace, found, plans, degraded)

    async def _entry(self, namespace: str, position: int) -> Entry | None:
        """The view, caught up; None: the store is to answer, and has come to the position."""
        entry = None
        if self._views is not None and self._from_store is None:
            return await self._views.reached(namespace, position)
        if self._views is not None:
            patience = self._patience_s
            entry = await self._views.soon(namespace, position, patience_s=patience)
        if entry is None:
            await self._needed_store().reached(position, pause_s=self._poll_s)
        return entry

    def _of_view(
        self,
        namespace: str,
        entry: Entry,
        plans: Sequence[Plan],
        degraded: Sequence[tuple[str, ...]],
    ) -> Ranking:
        renew = self._needed_views().refresh
        if entry.view.is_light and self._elsewhere is not None:
            afar = AfarRanking(
                self._elsewhere, namespace=namespace, entry=entry, plans=plans, refresh=renew
            )
            return Ranking(rank=afar.rank, renew=renew, explained=afar.explained, degraded=degraded)
        return Ranking(
            rank=lambda: self._scans.rank(entry, plans),
            renew=renew,
            explained=partial(self._scans.explained, namespace, plans),
            degraded=degraded,
        )

    def _of_store(
        self, namespace: str, plans: Sequence[Plan], degraded: Sequence[tuple[str, ...]]
    ) -> Ranking:
        store = self._needed_store()

        async def nothing() -> None:
            """The store is asked anew anyway."""

        async def as_ranked(_: Snapshot, ranked: Sequence[Ranked]) -> Sequence[Ranked]:
            """They are explained already: it costs little for so few rows."""
            return ranked

        return Ranking(
            rank=lambda: store.rank(namespace, plans),
            renew=nothing,
            explained=as_ranked,
            degraded=degraded,
        )

    def _needed_store(self) -> FromStore:
        if self._from_store is None:
            raise Unavailable("there is neither a view nor a search in the store")
        return self._from_store

    def _needed_views(self) -> Views:
        if self._views is None:
            raise Unavailable("there are no views")
        return self._views

    def _plans(self, queries: Sequence[RecallQuery], vectors: Sequence[F32 | None]) -> list[Plan]:
        now = self._clock.now()
        return [
            Plan(
                query=query,
                vector=vector,
                terms=() if query.mode is Mode.VECTOR else self._analyzer.terms(query.query),
                around=() if query.mode is Mode.VECTOR else self._around(query),
                now=query.now or now,
                scoring=self._scoring,
                floor=self._embedder.info.floor,
                model_revision=self._embedder.info.model_revision,
                analyzer=self._analyzer.revision,
            )
            for query, vector in zip(queries, vectors, strict=True)
        ]

    async def _embed(
        self, queries: Sequence[RecallQuery]
    ) -> tuple[Sequence[F32 | None], tuple[str, ...]]:
        wanted = [i for i, query in enumerate(queries) if query.mode is not Mode.KEYWORD]
        vectors: list[F32 | None] = [None] * len(queries)
        if not wanted:
            return vectors, ()
        started = perf_counter()
        texts = [text for i in wanted for text in (queries[i].query, *queries[i].context)]
        try:
            rows = iter(await self._embedder.embed(texts))
        except Unavailable:
            if any(queries[i].mode is Mode.VECTOR for i in wanted):
                raise
            self._telemetry.count("recall_degraded_total", leg="vector")
            return vectors, ("vector",)
        finally:
            took = perf_counter() - started
            self._telemetry.observe("recall_stage_seconds", took, stage="embed")
        for i in wanted:
            question, *context = (next(rows) for _ in range(1 + len(queries[i].context)))
            vectors[i] = situated(question, context, share=self._scoring.situation)
        return vectors, ()

    def _around(self, query: RecallQuery) -> list[str]:
        return [term for text in query.context for term in self._analyzer.terms(text)]


def situated(question: F32, context: Sequence[F32], *, share: float) -> F32:
    """The direction of a question that stands in a context; the question itself without one.

    Unit vectors (dim,). What the context says counts for `share`, each of its texts alike.
    """
    if not context:
        return question
    around = np.mean(np.stack(context).astype(np.float64), axis=0)
    mixed = (1.0 - share) * question.astype(np.float64) + share * around
    length = float(np.linalg.norm(mixed))
    if length < NO_DIRECTION:
        return question
    unit: F32 = (mixed / length).astype(np.float32)
    return unit
