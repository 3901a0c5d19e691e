"""Recalls of namespaces that have no view in memory: a few candidates, scored all the same."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, final
from uuid import UUID

import anyio.to_thread

from sfm_core.coordinates import memory_id
from sfm_core.errors import SfmError
from sfm_core.filters import payload_paths
from sfm_core.importance import RESERVOIR
from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Absence, EmbedderInfo, Placed, Sample, VectorHit, VectorQuery, ViewRow
from sfm_core.ports import ChangeFeed, RecordStore, VectorStore, WordSearch
from sfm_core.recall.placing import answered, placed
from sfm_core.recall.rank import Plan, Ranked
from sfm_core.recall.view import Snapshot, View

CANDIDATES: Final = 200
"""Memories that are scored, at least, for one question."""


@final
class FromStore:
    """Ranks what the stores find by words and vectors, in a view made for one question.

    Scores are of the same formula, but scaled to the best of the candidates, with word
    statistics and neighbours of the candidates alone: the answer says that the slab is missing.
    """

    def __init__(
        self,
        *,
        words: WordSearch,
        records: RecordStore,
        feed: ChangeFeed,
        embedder: EmbedderInfo,
        analyzer: Analyzer,
        vectors: VectorStore | None,
        patience_s: float,
    ) -> None:
        self._words = words
        self._records = records
        self._feed = feed
        self._embedder = embedder
        self._analyzer = analyzer
        self._vectors = vectors
        self._patience_s = patience_s

    async def rank(
        self, namespace: str, plans: Sequence[Plan]
    ) -> tuple[Snapshot, Sequence[Ranked]]:
        """One ranking per plan, of the store as it is now or later.

        Raises:
            Unavailable: the store does not answer.
        """
        samples, position = await self._feed.samples(namespace, limit=RESERVOIR)
        found = [await self._ranked(namespace, plan, samples, position) for plan in plans]
        return found[0][0], [ranked for _, ranked in found]

    async def reached(self, position: int, *, pause_s: float) -> None:
        """Return once the log has come to `position`; the caller bounds the time."""
        revision = self._embedder.model_revision
        while position:
            token = await self._feed.token()
            changes = await self._feed.changes(token, [], model_revision=revision)
            if changes.head >= position:
                return
            await anyio.sleep(pause_s)

    async def _ranked(
        self, namespace: str, plan: Plan, samples: Sequence[Sample], position: int
    ) -> tuple[Snapshot, Ranked]:
        query = plan.query
        limit = max(CANDIDATES, 2 * query.top_k)
        spoken = await self._words.by_words(namespace, query, now=plan.now, limit=limit)
        found = list(dict.fromkeys([*spoken, *await self._nearest(namespace, plan, limit)]))
        named = [memory_id(namespace, place) for place in query.explain_for]
        ids: list[UUID] = list(dict.fromkeys([*found, *named]))
        rows = await self._records.view_rows(
            namespace, ids, model_revision=self._embedder.model_revision
        )
        return await anyio.to_thread.run_sync(
            self._scored, plan, frozenset(found), rows, samples, position, namespace
        )

    async def _nearest(self, namespace: str, plan: Plan, limit: int) -> Sequence[UUID]:
        """What the vector store finds, when there is one and it answers in time."""
        hits: Sequence[VectorHit] = ()
        if self._vectors is not None and plan.vector is not None:
            asked = VectorQuery(
                vector=plan.vector,
                model_revision=plan.model_revision,
                limit=limit,
                kind=plan.query.kind,
                filter=plan.query.filter,
                now=plan.now,
                patience_s=self._patience_s,
            )
            # whatever it says while it runs, a wrong key too, is an outage of this leg alone
            with suppress(SfmError), anyio.move_on_after(2 * self._patience_s):
                hits = await self._vectors.search(namespace, asked)
        return [hit.id for hit in hits]

    def _scored(
        self,
        plan: Plan,
        found: frozenset[UUID],
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        position: int,
        namespace: str,
    ) -> tuple[Snapshot, Ranked]:
        """The ranking of what was `found`; what was only named is judged in a view of its own."""
        candidates = [row for row in rows if row.id in found]
        snapshot = self._viewed(namespace, plan, candidates, samples, position)
        [ranked] = answered(namespace, snapshot, [plan])
        if len(candidates) < len(rows):
            beside = self._viewed(namespace, plan, rows, samples, position)
            judged = placed(namespace, beside, plan)
            ranked = replace(
                ranked,
                placed=[
                    inside if memory_id(namespace, inside.coordinate) in found else _unfound(one)
                    for inside, one in zip(ranked.placed, judged, strict=True)
                ],
            )
        return snapshot, ranked

    def _viewed(
        self,
        namespace: str,
        plan: Plan,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        position: int,
    ) -> Snapshot:
        view = View(namespace, dim=self._embedder.dim, analyzer=self._analyzer)
        if plan.query.filter is not None:
            view.columns.begin(payload_paths(plan.query.filter))
        view.apply(rows, samples)
        view.columns.complete()
        view.advance(position)
        return view.snapshot()


def _unfound(judged: Placed) -> Placed:
    """Of a memory that the store did not find: its rank is the one it would have."""
    if judged.rank is None:
        return judged
    return replace(judged, absent_for=(Absence.SLAB, *judged.absent_for))
