"""RecallEngine: from a question to explained hits, under one deadline."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final, final

import anyio
import numpy as np

from sfm_core.errors import DeadlineExceeded, Unavailable
from sfm_core.importance import RESERVOIR
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Hit, Json, Mode, RecallQuery, RecallResult, Weights
from sfm_core.offload import off_loop
from sfm_core.owned import owned_tasks
from sfm_core.ports import (
    AccessNotes,
    Cache,
    ChangeFeed,
    Clock,
    Embedder,
    LinkStore,
    LogIdentity,
    NoNotes,
    NoTelemetry,
    RecordStore,
    Rows,
    Telemetry,
    VectorStore,
    VectorWal,
    ViewFiles,
    WordSearch,
)
from sfm_core.recall.afar_ranking import Elsewhere
from sfm_core.recall.from_store import FromStore
from sfm_core.recall.hits import costs_little, declared, shown
from sfm_core.recall.holding import ViewsPolicy
from sfm_core.recall.keeping import Keeper
from sfm_core.recall.linked import HitLinks
from sfm_core.recall.payloads import PayloadColumns
from sfm_core.recall.rank import Ranked
from sfm_core.recall.rankings import Rankings
from sfm_core.recall.reservoir import Reservoir
from sfm_core.recall.rows import CachedRows
from sfm_core.recall.scans import Scans
from sfm_core.recall.settling import Settling
from sfm_core.recall.streaming import HitStream, first_of
from sfm_core.recall.view import Snapshot, View
from sfm_core.recall.views import Views
from sfm_core.scoring import Scoring

PATIENCE: Final = 0.2
"""`RecallPolicy.patience_s` as a share of the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallPolicy:
    deadline_s: float = 5.0
    patience_s: float | None = None
    """How long a view may take to load before the store answers in its place; None: a fifth of
    the deadline."""
    poll_s: float = 0.25
    budget_bytes: int = 2 << 30
    threads: int = 2
    language: str = "english"
    fast_core: bool = True
    """False: no vectors are held; the vector store finds them, or without one the record store
    answers every recall."""
    version: str = ""
    """Of the product: views that another one put aside are not taken back."""

    @property
    def patience(self) -> float:
        return PATIENCE * self.deadline_s if self.patience_s is None else self.patience_s


@final
class RecallEngine:
    """Answers recalls from the namespace's view and the canonical rows.

    The view decides which memories and in what order; the rows come from the store. Where they
    are not what was ranked, the view catches up and the recall starts again: so a hit is a row
    that was live during the recall, and ranked as it was then, and what is deleted by the last
    reading is never shown. What changes faster than that is left out, and `degraded` says so.
    """

    def __init__(
        self,
        *,
        views: Views,
        rankings: Rankings,
        feed: ChangeFeed,
        records: RecordStore,
        rows: Rows,
        analyzer: Analyzer,
        scoring: Scoring,
        policy: RecallPolicy,
        notes: AccessNotes,
        telemetry: Telemetry,
        links: HitLinks,
    ) -> None:
        self._views = views
        self._rankings = rankings
        self._links = links
        self._feed = feed
        self._records = records
        self._settling = Settling(rows=rows, records=records, telemetry=telemetry)
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
        cache: Cache | None = None,
        scoring: Scoring | None = None,
        policy: RecallPolicy | None = None,
        notes: AccessNotes | None = None,
        telemetry: Telemetry | None = None,
        files: ViewFiles | None = None,
        log: LogIdentity | None = None,
        words: WordSearch | None = None,
        links: LinkStore | None = None,
        vectors: VectorStore | None = None,
        owed: VectorWal | None = None,
    ) -> AsyncGenerator["RecallEngine"]:
        """An engine whose change feed and waves run until the block ends.

        With `files`, and `log` to hold them against, views are put aside and taken back. With
        `words`, the store answers for views that are not there in time; else they are waited for.
        Without `links`, hits have none to show. With `vectors`, views that are not to hold their
        vectors, or are too large with them, are held without; `owed` tells what the vector store
        does not have yet.
        """
        policy = policy or RecallPolicy()
        telemetry = telemetry or NoTelemetry()
        scoring = scoring or Scoring()
        info, analyzer = embedder.info, Analyzer(policy.language)
        keeper = from_store = None
        if files is not None and log is not None:
            keeper = Keeper(
                files,
                log,
                embedder=info,
                analyzer=analyzer,
                version=policy.version,
                telemetry=telemetry,
            )
        if words is not None:
            from_store = FromStore(
                words=words,
                records=records,
                feed=feed,
                embedder=info,
                analyzer=analyzer,
                vectors=vectors,
                patience_s=policy.patience,
            )
        elsewhere = None
        if vectors is not None:
            elsewhere = Elsewhere(
                vectors=vectors,
                owed=owed,
                records=records,
                clock=clock,
                telemetry=telemetry,
                patience_s=policy.patience,
            )
        async with (
            Views.open(
                feed=feed,
                embedder=info,
                analyzer=analyzer,
                clock=clock,
                policy=ViewsPolicy(
                    budget_bytes=policy.budget_bytes,
                    poll_s=policy.poll_s,
                    refuse_too_large=words is not None,
                    holds=policy.fast_core or vectors is not None,
                    vectors=policy.fast_core or vectors is None,
                    may_be_light=vectors is not None,
                ),
                telemetry=telemetry,
                keeper=keeper,
            ) as views,
            owned_tasks() as tasks,
        ):
            rankings = Rankings(
                views=views if policy.fast_core or vectors is not None else None,
                elsewhere=elsewhere,
                scans=Scans(tasks, threads=policy.threads, telemetry=telemetry),
                payloads=PayloadColumns(tasks, feed=feed, grown=views.recount),
                from_store=from_store,
                embedder=embedder,
                clock=clock,
                analyzer=analyzer,
                scoring=scoring,
                patience_s=policy.patience,
                poll_s=policy.poll_s,
                telemetry=telemetry,
            )
            yield cls(
                views=views,
                rankings=rankings,
                feed=feed,
                records=records,
                rows=records
                if cache is None
                else CachedRows(tasks, records=records, cache=cache, telemetry=telemetry),
                analyzer=analyzer,
                scoring=scoring,
                policy=policy,
                notes=notes or NoNotes(),
                telemetry=telemetry,
                links=HitLinks(links, clock),
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
        with self._bounded(namespace, queries):
            results = await self._recall(namespace, queries, started)
        self._notes.note(namespace, (h.memory.id for one in results for h in one.hits))
        return results

    async def stream(self, namespace: str, query: RecallQuery) -> HitStream:
        """As `recall`, with the hits to be taken page by page, in the same order.

        Raises:
            As `recall`; what fails later is raised by `HitStream.page`.
        """
        with self._bounded(namespace, [query]):
            return await self._begun(namespace, query, perf_counter())

    def seen(self, namespace: str, hits: Sequence[Hit]) -> None:
        """Note that hits of a stream were given out."""
        self._notes.note(namespace, (hit.memory.id for hit in hits))

    @contextmanager
    def _bounded(self, namespace: str, queries: Sequence[RecallQuery]) -> Iterator[None]:
        """Holds a recall to its deadline, and measures it."""
        started = perf_counter()
        outcome = "error"
        try:
            with anyio.fail_after(self._policy.deadline_s):
                yield
            outcome = "ok"
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
        async with self._rankings.open(namespace, queries) as ranking:
            snapshot, ranked, memories = await self._settling.settled(namespace, ranking)
        made = await off_loop(
            lambda: [
                shown(namespace, q, self._analyzer, one.candidates, one.placed, memories)
                for q, one in zip(queries, ranked, strict=True)
            ],
            when=not all(map(costs_little, queries)),
        )
        hits = await self._links.added(namespace, queries, [one.hits for one in made])
        took_ms = round(1000.0 * (perf_counter() - started), 3)
        return tuple(
            RecallResult(
                hits=found,
                position=snapshot.position,
                took_ms=took_ms,
                degraded=declared((*degraded, *of.degraded), one, self._telemetry),
                placed=one.placed,
                budget=one.budget,
            )
            for one, of, found, degraded in zip(made, ranked, hits, ranking.degraded, strict=True)
        )

    async def _begun(self, namespace: str, query: RecallQuery, started: float) -> HitStream:
        async with self._rankings.open(namespace, [query]) as ranking:
            snapshot, [ranked], first = await self._settling.settled(namespace, ranking, first_of)
        degraded = (*ranking.degraded[0], *ranked.degraded)
        return HitStream(
            namespace,
            query,
            self._analyzer,
            snapshot=snapshot,
            ranked=ranked,
            degraded=degraded,
            first=first,
            fetch=partial(self._settling.fetch, namespace),
            again=partial(self._again, namespace, query, degraded),
            telemetry=self._telemetry,
            links=self._links,
            started=started,
        )

    async def _again(
        self, namespace: str, query: RecallQuery, degraded: tuple[str, ...]
    ) -> tuple[Snapshot, Ranked] | None:
        """The ranking of a stream as it is now; None when it cannot be had in the same way."""
        with suppress(Unavailable), anyio.move_on_after(self._policy.deadline_s):
            async with self._rankings.open(namespace, [query]) as ranking:
                await ranking.renew()
                snapshot, ranked = await ranking.rank()
                [whole] = await ranking.explained(snapshot, ranked)
                if (*ranking.degraded[0], *whole.degraded) == degraded:
                    return snapshot, whole
        return None


def _slab_facts(view: View) -> Mapping[str, Json]:
    return {
        "loaded": True,
        "rows": view.live,
        "dead_rows": view.rows - view.live,
        "bytes": view.slab_bytes,
        "view_bytes": view.nbytes,
        "position": view.position,
    }
