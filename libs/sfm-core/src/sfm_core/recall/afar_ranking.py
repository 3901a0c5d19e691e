"""Rankings over a light view: the words and all else from memory, the vectors from afar."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Final, final
from uuid import UUID

import anyio
import anyio.to_thread
import numpy as np

from sfm_core.errors import SfmError, Unavailable
from sfm_core.model import F32, I64, Leg, Mask, Mode, Placed, VectorHit, VectorQuery
from sfm_core.ports import Clock, RecordStore, Telemetry, VectorStore, VectorWal
from sfm_core.recall.afar import Afar, Missing
from sfm_core.recall.entry import Entry
from sfm_core.recall.placing import placed
from sfm_core.recall.rank import Plan, Ranked, rank
from sfm_core.recall.view import Snapshot, View
from sfm_core.times import microseconds

DEPTHS: Final = (256, 1024, 4096)
"""How many of the nearest are asked for, one after the other while the answer is not sure."""
MOST: Final = 8192
"""Vectors that are read from the record store for one question, at most."""
FEW: Final = 512
"""So many are read at once; before more, more of the nearest are asked for."""
HEAD: Final = 32
"""Of the nearest so many, and two for each hit, are read at once: they are likely hits."""
FRESH_S: Final = 10.0
"""What was written since may not be in the index yet."""
COUNTED_S: Final = 10.0
"""How long the number of points that the index holds is not asked for again."""
AT_ONCE: Final = 4
"""Questions of one recall that are worked on at the same time."""
TRIES: Final = 4
"""How often rows may have moved on while their vectors were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Where the vectors are that no view holds."""

    vectors: VectorStore
    owed: VectorWal | None
    records: RecordStore
    clock: Clock
    telemetry: Telemetry
    patience_s: float
    """How long the vector store may take before its leg is left out."""
    sizes: dict[str, tuple[float, int]] = field(default_factory=dict)
    """When, and how many, points of a namespace were counted."""
    limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))


@dataclass(slots=True, eq=False)
class _Question:
    """One plan, and what is known for it."""

    plan: Plan
    depth: int = 0
    hits: Sequence[VectorHit] | None = None
    """None: the index says nothing."""
    asked: int = 0
    """How many of the nearest `hits` were asked for."""
    held: int = 0
    """Points of the namespace in the index, those of what is gone too."""
    afar: Afar | None = None
    found: I64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Rows of the hits, the nearest first."""
    reads: int = 0
    is_partial: bool = False

    @property
    def is_known_to_end(self) -> bool:
        """Whether asking for more of the nearest would give none."""
        return self.hits is None or len(self.hits) < self.limit or self.depth + 1 == len(DEPTHS)

    @property
    def limit(self) -> int:
        return DEPTHS[self.depth]


class _Restart(Exception):
    """The ranking begins again."""


class _Moved(_Restart):
    """A row is not any more what the snapshot has."""


class _Deeper(_Restart):
    """More of the nearest are to be asked for."""


@final
class AfarRanking:
    """Ranks the plans of one recall in the order that a slab gives, or says that it may not be.

    Each plan is ranked over the exact cosines of the few rows that matter, whose vectors are
    read from the record store, and sure bounds for all others, from the nearest that the vector
    store names. Where that would take more than `MOST` vectors, the answer is made of what is
    known, and names the leg.
    """

    def __init__(
        self,
        elsewhere: Elsewhere,
        *,
        namespace: str,
        entry: Entry,
        plans: Sequence[Plan],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._elsewhere = elsewhere
        self._namespace = namespace
        self._entry = entry
        self._plans = plans
        self._refresh = refresh
        self._questions: list[_Question] = []
        self._owed: Sequence[UUID] = ()
        self._read: dict[bytes, tuple[int, F32 | None]] = {}

    async def rank(self) -> tuple[Snapshot, Sequence[Ranked]]:
        """As `Scans.rank`.

        Raises:
            Unavailable: the record store does not answer; or the vector store, where the
                answer to a plan in mode `vector` would not be sure without it.
        """
        started = perf_counter()
        self._questions = [_Question(plan) for plan in self._plans]
        tries = TRIES
        while True:
            await self._search()
            snapshot = await self._mapped()
            outcomes = await _each(self._questions, partial(self._ranked, snapshot, tries=tries))
            if any(isinstance(one, _Moved) for one in outcomes):
                tries -= 1
                await self._refresh()
                continue
            ranked = [one for one in outcomes if isinstance(one, Ranked)]
            if len(ranked) < len(outcomes):  # the rest want to know more of the nearest
                continue
            took = perf_counter() - started
            self._elsewhere.telemetry.observe("recall_stage_seconds", took, stage="scan")
            self._elsewhere.telemetry.observe("recall_vectors_read", len(self._read))
            return snapshot, ranked

    async def explained(self, snapshot: Snapshot, ranked: Sequence[Ranked]) -> Sequence[Ranked]:
        """As `Scans.explained`."""
        return [
            await self._explained(snapshot, question, one)
            if question.plan.query.explain_for
            else one
            for question, one in zip(self._questions, ranked, strict=True)
        ]

    async def _ranked(self, snapshot: Snapshot, question: _Question, *, tries: int) -> Ranked:
        def ranking(seen: Snapshot, plan: Plan) -> Ranked:
            [ranked] = rank(seen, [plan])
            return ranked

        await self._first_reads(snapshot, question, tries)
        ranked = await self._sure(snapshot, question, ranking, tries)
        return self._told(question, ranked)

    async def _explained(self, snapshot: Snapshot, question: _Question, one: Ranked) -> Ranked:
        def placing(seen: Snapshot, plan: Plan) -> tuple[Placed, ...]:
            return placed(self._namespace, seen, plan)

        places = await self._sure(snapshot, question, placing, 0)
        return self._told(question, replace(one, placed=places))

    def _told(self, question: _Question, ranked: Ranked) -> Ranked:
        """The ranking, saying whether the leg is whole."""
        if not question.is_partial or ranked.degraded:
            return ranked
        if question.plan.query.mode is Mode.VECTOR and question.hits is None:
            raise Unavailable("the vector store does not answer")
        self._elsewhere.telemetry.count("recall_degraded_total", leg=Leg.VECTOR.value)
        return replace(ranked, degraded=(Leg.VECTOR.value,))

    # -- what the index says ---------------------------------------------------------------

    async def _search(self) -> None:
        """The nearest for each plan, and what is owed; an index that is away says nothing."""
        wanted = [one for one in self._questions if one.plan.vector is not None]
        if self._elsewhere.owed is not None:
            self._owed = await self._elsewhere.owed.noted(self._namespace, limit=MOST + 1)
        # the store keeps to the patience itself; this is for a place, and for a second call
        with anyio.move_on_after(2 * self._elsewhere.patience_s):
            await _each([one for one in wanted if one.asked != one.limit], self._nearest)

    async def _nearest(self, question: _Question) -> None:
        plan = question.plan
        question.hits, question.asked = None, question.limit
        if plan.vector is not None:
            asked = VectorQuery(
                vector=plan.vector,
                model_revision=plan.model_revision,
                limit=question.limit,
                patience_s=self._elsewhere.patience_s,
            )
            # whatever it says while it runs, a wrong key too, is an outage of this leg alone
            with suppress(SfmError):
                hits = await self._elsewhere.vectors.search(self._namespace, asked)
                question.held = await self._held()
                question.hits = hits

    async def _held(self) -> int:
        at, held = self._elsewhere.sizes.get(self._namespace, (-COUNTED_S, 0))
        if perf_counter() - at > COUNTED_S:
            held = await self._elsewhere.vectors.held(self._namespace)
            self._elsewhere.sizes[self._namespace] = perf_counter(), held
        return held

    async def _mapped(self) -> Snapshot:
        """The view as it is now, and for each plan what the index said of its rows."""
        async with self._entry.lock:
            view = self._entry.view
            snapshot = view.snapshot()
            rows = [_rows_of(view, one.hits or ()) for one in self._questions]
            owed = [row for one in self._owed if (row := view.row_of(one.bytes)) is not None]
        now = microseconds(self._elsewhere.clock.now()) - round(1e6 * FRESH_S)
        fresh: Mask = snapshot.columns.updated_at(snapshot.rows) >= now
        fresh[owed] = True
        known = len(self._owed) <= MOST
        settled = int(np.count_nonzero(snapshot.alive & snapshot.embedded & ~fresh))
        for question, (found, cosines) in zip(self._questions, rows, strict=True):
            plan = question.plan
            if plan.vector is None:
                continue
            question.reads, question.is_partial, question.found = 0, False, found
            question.afar = afar = Afar(plan.vector, snapshot.alive & snapshot.embedded)
            hits = question.hits
            whole = known and settled <= question.held
            if hits is not None and question.limit <= len(hits) and whole:
                afar.bound(~fresh, hits[-1].score)
            seen = ~fresh[found]
            if known:
                afar.nearest(found[seen], cosines[seen])
        return snapshot

    # -- what is read ----------------------------------------------------------------------

    async def _first_reads(self, snapshot: Snapshot, question: _Question, tries: int) -> None:
        """What is read in any case: rows that nothing is known of, and likely hits."""
        if question.afar is not None:
            wanted = question.afar.first(min(FEW, HEAD + 2 * question.plan.query.top_k))
            await self._learn(snapshot, question, wanted, tries)

    async def _sure[T](
        self,
        snapshot: Snapshot,
        question: _Question,
        body: Callable[[Snapshot, Plan], T],
        tries: int,
    ) -> T:
        """What `body` gives, once all is read that it needs. `tries` 0: the snapshot stays."""
        seen = snapshot if question.afar is None else replace(snapshot, slab=question.afar)
        while True:
            try:
                return await anyio.to_thread.run_sync(
                    body, seen, question.plan, limiter=self._elsewhere.limiter
                )
            except Missing as missing:
                wanted = missing.rows
            if tries and wanted.shape[0] > FEW and not question.is_known_to_end:
                question.depth += 1
                raise _Deeper
            await self._learn(snapshot, question, wanted, tries)

    async def _learn(self, snapshot: Snapshot, question: _Question, rows: I64, tries: int) -> None:
        """Read the vectors of these rows, or settle for what is known when they are too many."""
        afar = question.afar
        if afar is None or not rows.size:
            return
        question.reads += rows.shape[0]
        is_too_much = question.reads > MOST
        if is_too_much:  # what the index named as the nearest is kept all the same
            question.is_partial = True
            rows = afar.unknown(question.found[: min(FEW, HEAD + 2 * question.plan.query.top_k)])
        ids = [snapshot.ids[row] for row in rows.tolist()]
        await self._fetch([one for one in ids if one not in self._read])
        found = [self._read.get(one, (0, None)) for one in ids]
        versions = snapshot.versions[rows].tolist()
        moved = [
            version for (version, _), was in zip(found, versions, strict=True) if version != was
        ]
        if moved and tries > 1:
            self._read.clear()
            raise _Moved
        question.is_partial = question.is_partial or bool(moved)
        have = np.array(
            [
                vector is not None and version == was
                for (version, vector), was in zip(found, versions, strict=True)
            ],
            dtype=np.bool_,
        )
        afar.pass_over(rows[~have])
        known = [vector for (_, vector), has in zip(found, have.tolist(), strict=True) if has]
        if known:
            afar.read(rows[have], np.stack([one for one in known if one is not None]))
        if is_too_much:
            afar.pass_over()

    async def _fetch(self, ids: Sequence[bytes]) -> None:
        if ids:
            rows = await self._elsewhere.records.view_rows(
                self._namespace,
                [UUID(bytes=one) for one in ids],
                model_revision=self._plans[0].model_revision,
            )
            for row in rows:
                self._read[row.id.bytes] = (0 if row.deleted else row.version, row.vector)


async def _each[Q, T](of: Sequence[Q], body: Callable[[Q], Awaitable[T]]) -> list[T | _Restart]:
    """What `body` gives of each, or why the ranking begins again; `AT_ONCE` at a time."""
    found: dict[int, T | _Restart] = {}
    failures: list[Exception] = []
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def one(at: int) -> None:
        async with limiter:
            try:
                found[at] = await body(of[at])
            except _Restart as restart:
                found[at] = restart
            except Exception as error:  # noqa: BLE001 - handed to the caller, by itself
                failures.append(error)

    async with anyio.create_task_group() as tasks:
        for at in range(len(of)):
            tasks.start_soon(one, at)
    if failures:
        raise failures[0]
    return [found[at] for at in range(len(of))]


def _rows_of(view: View, hits: Sequence[VectorHit]) -> tuple[I64, F32]:
    """Rows of those that live in the view, and their cosines."""
    pairs = [(row, hit.score) for hit in hits if (row := view.row_of(hit.id.bytes)) is not None]
    rows = np.array([row for row, _ in pairs], dtype=np.int64)
    return rows, np.array([score for _, score in pairs], dtype=np.float32)
