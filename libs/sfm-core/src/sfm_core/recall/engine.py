"""RecallEngine: from a question to explained hits, under one deadline."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Final, final
from uuid import UUID

import anyio
import numpy as np

from sfm_core.errors import DeadlineExceeded, Unavailable
from sfm_core.importance import RESERVOIR
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import F32, Json, Memory, Mode, RecallQuery, RecallResult, Weights
from sfm_core.offload import off_loop
from sfm_core.owned import owned_tasks
from sfm_core.ports import (
    AccessNotes,
    ChangeFeed,
    Clock,
    Embedder,
    LogIdentity,
    NoNotes,
    NoTelemetry,
    RecordStore,
    Telemetry,
    ViewFiles,
)
from sfm_core.recall.entry import Entry
from sfm_core.recall.hits import costs_little, shown
from sfm_core.recall.keeping import Keeper
from sfm_core.recall.payloads import PayloadColumns
from sfm_core.recall.rank import Plan, Ranked
from sfm_core.recall.reservoir import Reservoir
from sfm_core.recall.scans import Scans
from sfm_core.recall.view import Snapshot, View
from sfm_core.recall.views import Views, ViewsPolicy
from sfm_core.scoring import Scoring

TRIES: Final = 3
"""How often a recall starts again because the store had moved on from the view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPolicy:
    deadline_s: float = 5.0
    poll_s: float = 0.25
    budget_bytes: int = 2 << 30
    threads: int = 2
    language: str = "english"
    version: str = ""
    """Of the product: views that another one put aside are not taken back."""


@final
class RecallEngine:
    """Answers recalls from the namespace's view and the canonical rows.

    The view decides which memories and in what order; the rows come from the store, so what
    was deleted or changed elsewhere since is never shown: then the view catches up first and
    the recall starts again.
    """

    def __init__(
        self,
        *,
        views: Views,
        scans: Scans,
        payloads: PayloadColumns,
        feed: ChangeFeed,
        records: RecordStore,
        embedder: Embedder,
        clock: Clock,
        analyzer: Analyzer,
        scoring: Scoring,
        policy: RecallPolicy,
        notes: AccessNotes,
        telemetry: Telemetry,
    ) -> None:
        self._views = views
        self._scans = scans
        self._payloads = payloads
        self._feed = feed
        self._records = records
        self._embedder = embedder
        self._clock = clock
        self._analyzer = analyzer
        self._scoring = scoring
        self._policy = policy
        self._notes = notes
        self._telemetry = telemetry

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        records: RecordStore,
        feed: ChangeFeed,
        embedder: Embedder,
        clock: Clock,
        scoring: Scoring | None = None,
        policy: RecallPolicy | None = None,
        notes: AccessNotes | None = None,
        telemetry: Telemetry | None = None,
        files: ViewFiles | None = None,
        log: LogIdentity | None = None,
    ) -> AsyncGenerator["RecallEngine"]:
        """An engine whose change feed and waves run until the block ends.

        With `files`, and `log` to hold them against, views are put aside and taken back.
        """
        policy = policy or RecallPolicy()
        telemetry = telemetry or NoTelemetry()
        analyzer = Analyzer(policy.language)
        keeper = None
        if files is not None and log is not None:
            keeper = Keeper(
                files,
                log,
                embedder=embedder.info,
                analyzer=analyzer,
                version=policy.version,
                telemetry=telemetry,
            )
        async with (
            Views.open(
                feed=feed,
                embedder=embedder.info,
                analyzer=analyzer,
                clock=clock,
                policy=ViewsPolicy(budget_bytes=policy.budget_bytes, poll_s=policy.poll_s),
                telemetry=telemetry,
                keeper=keeper,
            ) as views,
            owned_tasks() as tasks,
        ):
            yield cls(
                views=views,
                scans=Scans(tasks, threads=policy.threads, telemetry=telemetry),
                payloads=PayloadColumns(tasks, feed=feed, grown=views.recount),
                feed=feed,
                records=records,
                embedder=embedder,
                clock=clock,
                analyzer=analyzer,
                scoring=scoring or Scoring(),
                policy=policy,
                notes=notes or NoNotes(),
                telemetry=telemetry,
            )

    async def warm_up(self) -> None:
        """Load the views of all namespaces, as far as the budget goes; a job for the background.

        An outage ends it: what is missing is loaded by the first recall.
        """
        with suppress(Unavailable):
            await self._views.warm(await self._records.namespaces())

    @property
    def weights(self) -> Weights:
        """What the hybrid legs weigh when a request does not say."""
        return self._scoring.weights

    @property
    def views(self) -> Views:
        """The registry: what a write use-case tells its changes to."""
        return self._views

    async def recall(self, namespace: str, query: RecallQuery) -> RecallResult:
        """The `top_k` best memories for one query, best first.

        Order: score rounded to 1e-6, then importance norm, then id. The same log, query and
        `now` give the same hits. An unknown namespace is an empty memory.

        Raises:
            Unavailable: the store, or for `vector` mode the embedder, does not answer.
            DeadlineExceeded: the deadline passed, or `min_position` was not reached in time.
        """
        [result] = await self.recall_many(namespace, [query])
        return result

    async def recall_many(
        self, namespace: str, queries: Sequence[RecallQuery]
    ) -> tuple[RecallResult, ...]:
        """One result per query: embedded together, ranked in one pass, fetched in one query."""
        started = perf_counter()
        outcome = "error"
        try:
            with anyio.fail_after(self._policy.deadline_s):
                results = await self._recall(namespace, queries, started)
            outcome = "ok"
            self._notes.note(namespace, (h.memory.id for one in results for h in one.hits))
        except TimeoutError as error:
            raise DeadlineExceeded(
                "the recall did not finish in time"
                if self._views.peek(namespace) is not None
                else "the view of this namespace is still being built: try again soon",
                deadline_s=self._policy.deadline_s,
            ) from error
        finally:
            mode = queries[0].mode.value if queries else Mode.HYBRID.value
            took = perf_counter() - started
            self._telemetry.observe("recall_duration_seconds", took, mode=mode, outcome=outcome)
        return results

    async def norms(self, namespace: str, importances: Sequence[float]) -> list[float]:
        """Each importance mapped to [0, 1] by the namespace's present normaliser.

        Raises:
            Unavailable: the view is not in memory and the store does not answer.
        """
        entry = self._views.peek(namespace)
        if entry is not None:
            normaliser = (await entry.snapshot()).normaliser
        else:
            samples, _ = await self._feed.samples(namespace, limit=RESERVOIR)
            normaliser = Reservoir(samples).normaliser()
        found: list[float] = normaliser.apply(np.array(importances, dtype=np.float64)).tolist()
        return found

    async def statistics(self, namespace: str) -> Mapping[str, Json]:
        """The view's size and importance state; `loaded: False` when it is not in memory."""
        entry = self._views.peek(namespace)
        if entry is None:
            return {"slab": {"loaded": False}, "importance": None}
        normaliser = (await entry.snapshot()).normaliser
        importance = {"method": normaliser.method, "quantiles": dict(normaliser.quantiles)}
        return {"slab": _slab_facts(entry.view), "importance": importance}

    # -- steps -----------------------------------------------------------------------------

    async def _recall(
        self, namespace: str, queries: Sequence[RecallQuery], started: float
    ) -> tuple[RecallResult, ...]:
        vectors, degraded = await self._embed(queries)
        wanted = max((q.min_position or 0 for q in queries), default=0)
        entry = await self._views.reached(namespace, wanted)
        now = self._clock.now()
        plans = [
            Plan(
                query=query,
                vector=vector,
                terms=() if query.mode is Mode.VECTOR else self._analyzer.terms(query.query),
                now=query.now or now,
                scoring=self._scoring,
                floor=self._embedder.info.floor,
                model_revision=self._embedder.info.model_revision,
                analyzer=self._analyzer.revision,
            )
            for query, vector in zip(queries, vectors, strict=True)
        ]
        async with self._payloads.held(entry, namespace, [query.filter for query in queries]):
            snapshot, ranked, memories = await self._settled(namespace, entry, plans)
        made = await off_loop(
            lambda: [
                shown(namespace, q, self._analyzer, ranking.candidates, ranking.placed, memories)
                for q, ranking in zip(queries, ranked, strict=True)
            ],
            when=not all(map(costs_little, queries)),
        )
        took_ms = round(1000.0 * (perf_counter() - started), 3)
        return tuple(
            RecallResult(
                hits=one.hits,
                position=snapshot.position,
                took_ms=took_ms,
                degraded=degraded if query.mode is not Mode.KEYWORD else (),
                placed=one.placed,
                budget=one.budget,
            )
            for query, one in zip(queries, made, strict=True)
        )

    async def _embed(
        self, queries: Sequence[RecallQuery]
    ) -> tuple[Sequence[F32 | None], tuple[str, ...]]:
        wanted = [i for i, query in enumerate(queries) if query.mode is not Mode.KEYWORD]
        vectors: list[F32 | None] = [None] * len(queries)
        if not wanted:
            return vectors, ()
        started = perf_counter()
        try:
            rows = await self._embedder.embed([queries[i].query for i in wanted])
        except Unavailable:
            if any(queries[i].mode is Mode.VECTOR for i in wanted):
                raise
            self._telemetry.count("recall_degraded_total", leg="vector")
            return vectors, ("vector",)
        finally:
            took = perf_counter() - started
            self._telemetry.observe("recall_stage_seconds", took, stage="embed")
        for i, row in zip(wanted, rows, strict=True):
            vectors[i] = row
        return vectors, ()

    async def _settled(
        self, namespace: str, entry: Entry, plans: Sequence[Plan]
    ) -> tuple[Snapshot, Sequence[Ranked], Mapping[UUID, Memory]]:
        """Ranks and rows that agree; after the last try `shown` leaves out what does not."""
        tries = TRIES
        while True:
            tries -= 1
            snapshot, ranked = await self._scans.rank(entry, plans)
            versions = {c.id: c.version for one in ranked for c in one.candidates}
            memories = await self._fetch(namespace, versions)
            moved = any(
                memory not in memories or memories[memory].version != version
                for memory, version in versions.items()
            )
            if not moved or not tries:
                return snapshot, ranked, memories
            await self._views.refresh()

    async def _fetch(self, namespace: str, versions: Mapping[UUID, int]) -> Mapping[UUID, Memory]:
        started = perf_counter()
        if versions:
            memories = await self._records.fetch(namespace, list(versions))
        else:
            memories = {}
            if not self._views.healthy:
                await self._records.ping()  # an outage must not look like an empty memory
        took = perf_counter() - started
        self._telemetry.observe("recall_stage_seconds", took, stage="hydrate")
        return memories


def _slab_facts(view: View) -> Mapping[str, Json]:
    return {
        "loaded": True,
        "rows": view.live,
        "dead_rows": view.rows - view.live,
        "bytes": view.slab_bytes,
        "view_bytes": view.nbytes,
        "position": view.position,
    }
