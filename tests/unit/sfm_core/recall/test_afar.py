"""Light views: vectors elsewhere, and still the order of a slab, or a word that it may not be."""

import random
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import anyio
import numpy as np
import pytest

from benchmarks.service.material import material
from benchmarks.standalone import ROOT
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Misconfigured, SfmError, Unavailable
from sfm_core.filters import And, Filter, Not, Op, Term
from sfm_core.model import (
    Box,
    Digest,
    Kind,
    MemoryDraft,
    Mode,
    Owed,
    RecallQuery,
    RecallResult,
    Stamp,
    Upsert,
    VectorHit,
    VectorPoint,
    VectorQuery,
    ViewRow,
    Weights,
)
from sfm_core.recall import afar_ranking
from sfm_core.recall.holding import NotHeld
from sfm_core.text import effective_text
from tests.unit.sfm_core.recall.test_engine import (
    POLICY,
    SwitchedStore,
    World,
    a_world,
    as_bytes,
    shown,
)

DATA = ROOT.parent / "shared" / "data"
LIGHT = replace(POLICY, fast_core=False, deadline_s=20.0)
FULL = replace(POLICY, deadline_s=20.0)
ROWS = 800
OLD = datetime(2025, 1, 1, tzinfo=UTC)
REVISION = HashEmbedder().info.model_revision


class Index:
    """A vector store that holds what a record store does, but for what it is told to lack."""

    def __init__(self, store: SwitchedStore) -> None:
        self._store = store
        self.fails_with: SfmError | None = None
        self.lacks: set[UUID] = set()
        self.asked: list[int] = []
        self.held_points: int | None = None
        self._token = ""
        self._rows: list[ViewRow] = []

    async def search(self, namespace: str, query: VectorQuery) -> Sequence[VectorHit]:
        if self.fails_with is not None:
            raise self.fails_with
        self.asked.append(query.limit)
        token = await self._store.moment()
        if token != self._token:
            revision = query.model_revision
            pages = self._store.load(namespace, model_revision=revision)
            self._rows = [row async for page in pages for row in page if row.vector is not None]
            self._token = token
        rows = [row for row in self._rows if row.id not in self.lacks]
        cosines = np.stack([row.vector for row in rows if row.vector is not None]) @ query.vector
        hits = [
            VectorHit(row.id, row.position, round(cosine, 5))
            for row, cosine in zip(rows, cosines.tolist(), strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[: query.limit]

    async def prepare(self, *, dim: int) -> None:
        raise NotImplementedError

    async def put(self, namespace: str, points: Sequence[VectorPoint]) -> None:
        raise NotImplementedError

    async def digest(self, namespace: str) -> Digest:
        raise NotImplementedError

    async def positions(
        self, namespace: str, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int, bool]]:
        raise NotImplementedError

    async def remove(self, namespace: str, ids: Collection[UUID]) -> None:
        raise NotImplementedError

    async def forget(self, namespace: str, *, position: int) -> int:
        raise NotImplementedError

    async def floor(self, namespace: str) -> int:
        raise NotImplementedError

    async def lower(self, namespace: str, *, position: int) -> None:
        raise NotImplementedError

    async def held(self, namespace: str) -> int:
        del namespace
        return 100_000 if self.held_points is None else self.held_points

    async def ping(self) -> None:
        raise NotImplementedError


async def upserts(items: Sequence[dict[str, Any]], *, seed: int = 3) -> list[Upsert]:
    """As memories of every kind: importances, tags, ends, some without a vector."""
    chance = random.Random(seed)
    drafts = [
        MemoryDraft(
            payload={"n": n, "even": n % 2 == 0},
            text=item["text"],
            session=item["session"] if n % 9 else None,
            source=item["source"],
            kind=Kind.SEMANTIC if n % 3 == 0 else Kind.EPISODIC,
            importance=chance.paretovariate(1.5),
            tags=("rare",) if n % 40 == 0 else (),
            occurred_at=datetime.fromisoformat(item["occurred_at"]),
            expires_at=OLD if n % 101 == 7 else None,
        )
        for n, item in enumerate(items)
    ]
    vectors = await HashEmbedder().embed([effective_text(draft) for draft in drafts])
    return [
        Upsert(
            coordinate=Coordinate.of([n]),
            draft=draft,
            text=effective_text(draft),
            vector=vector,
            model_revision=REVISION if n % 53 else "another",
            content_key=n,
            stamp=Stamp(created_at=OLD, updated_at=OLD),
        )
        for n, (draft, vector) in enumerate(zip(drafts, vectors, strict=True))
    ]


@asynccontextmanager
async def both(
    rows: int = ROWS, *, owed: Any = None
) -> AsyncGenerator[tuple[World, World, Index, list[str]]]:
    """The same memories over a slab and over an index, and questions."""
    items, questions = material(DATA, rows)
    store = SwitchedStore()
    await store.apply("acme", await upserts(items))
    index = Index(store)
    async with (
        a_world(store, FULL) as slab,
        a_world(store, LIGHT, vectors=index, owed=owed) as afar,
    ):
        now = datetime.now(UTC)
        for world in (slab, afar):
            world.clock.set(now)
        yield slab, afar, index, questions


async def asked(world: World, query: RecallQuery) -> RecallResult:
    return await world.engine.recall("acme", query)


def variants() -> list[dict[str, Any]]:
    def where(*parts: Filter) -> dict[str, Any]:
        return {"filter": And(parts)}

    day = datetime(2026, 1, 10, tzinfo=UTC)
    return [
        {},
        {"top_k": 1},
        {"top_k": 100},
        {"kind": Kind.SEMANTIC},
        where(Term("even", Op.EQ, True)),
        where(Term("@tags", Op.EQ, "rare")),
        where(Not(Term("@source", Op.EQ, "Ada")), Term("n", Op.LT, 700)),
        {"since": day},
        {"until": day, "top_k": 3},
        {"box": Box(low=(100.0,), high=(220.5,))},
        {"min_score": 0.3},
        {"min_similarity": 0.2},
        {"weights": Weights(vector=1.0, keyword=0.0, context=0.0, recency=0.0)},
        {"weights": Weights(vector=0.5, keyword=0.3, context=0.1, recency=0.1)},
        {"context": ("the garden in the rain",)},
        {"explain_for": (Coordinate.of([3]), Coordinate.of([900]), Coordinate.of([99_999]))},
    ]


@pytest.mark.parametrize("mode", list(Mode))
async def test_the_order_is_that_of_the_slab_to_the_bit(mode: Mode) -> None:
    async with both() as (slab, afar, _, questions):
        for n, more in enumerate(variants()):
            query = RecallQuery(query=questions[n], mode=mode, explain=True, **more)
            expected, found = await asked(slab, query), await asked(afar, query)
            assert found.degraded == ()
            assert as_bytes(found) == as_bytes(expected), (n, more)
            assert found.placed == expected.placed
            assert found.position == expected.position


async def test_a_batch_has_the_answers_that_its_questions_have_alone() -> None:
    async with both(400) as (slab, afar, _, questions):
        queries = [
            RecallQuery(query=questions[n], mode=list(Mode)[n % 3], explain=True, **more)
            for n, more in enumerate(variants())
        ]
        expected = await slab.engine.recall_many("acme", queries)
        found = await afar.engine.recall_many("acme", queries)
        assert [as_bytes(one) for one in found] == [as_bytes(one) for one in expected]
        assert [one.placed for one in found] == [one.placed for one in expected]


async def test_few_vectors_are_read_where_few_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    inner = SwitchedStore.view_rows

    async def counted(
        self: SwitchedStore, namespace: str, ids: Collection[UUID], **more: Any
    ) -> Any:
        reads.append(len(ids))
        return await inner(self, namespace, ids, **more)

    monkeypatch.setattr(SwitchedStore, "view_rows", counted)
    async with both() as (_, afar, index, questions):
        for question in questions[:10]:
            reads.clear()
            await asked(afar, RecallQuery(query=question, mode=Mode.VECTOR, top_k=5))
            assert sum(reads) < 0.1 * ROWS
        assert set(index.asked) <= set(afar_ranking.DEPTHS)


async def test_where_too_much_would_have_to_be_read_the_answer_says_that_it_is_not_sure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(afar_ranking, "MOST", 60)
    monkeypatch.setattr(afar_ranking, "DEPTHS", (20,))
    equal = partial = 0
    async with both() as (slab, afar, _, questions):
        for question in questions[:40]:
            query = RecallQuery(query=question)
            expected, found = await asked(slab, query), await asked(afar, query)
            if found.degraded == ("vector",):
                partial += 1
                assert found.hits
            else:
                equal += 1
                assert as_bytes(found) == as_bytes(expected)
    assert partial


async def test_what_the_index_lacks_so_far_is_found_as_it_is_fresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with both() as (slab, afar, index, _):
        text = "an axolotl in the aquarium"
        position = await slab.put(5_000, text)
        stored = await slab.store.get("acme", [Coordinate.of([5_000])])
        index.lacks = {memory.id for memory in stored.values()}
        for mode in Mode:
            query = RecallQuery(query=text, mode=mode, min_position=position, top_k=3)
            found = await asked(afar, query)
            assert shown(found)[0] == 5_000
            assert found.degraded == ()
        monkeypatch.setattr(afar_ranking, "FRESH_S", -60.0)  # it is noticed that this is needed
        found = await asked(afar, RecallQuery(query=text, mode=Mode.VECTOR))
        assert 5_000 not in shown(found)


async def test_an_index_that_is_not_filled_yet_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with both() as (slab, afar, index, questions):
        async for page in slab.store.load("acme", model_revision=REVISION):
            index.lacks |= {row.id for row in page if row.coordinate.axes[0] % 2}
        index.held_points = ROWS - len(index.lacks)
        for question in questions[:20]:
            query = RecallQuery(query=question, mode=Mode.VECTOR)
            assert as_bytes(await asked(afar, query)) == as_bytes(await asked(slab, query))
        monkeypatch.setattr(afar_ranking, "MOST", 100)
        assert (await asked(afar, RecallQuery(query=questions[0]))).degraded == ("vector",)


class OwedWal:
    """These are owed to the index."""

    def __init__(self) -> None:
        self.ids: list[UUID] = []

    async def noted(self, namespace: str, *, limit: int) -> Sequence[UUID]:
        del namespace
        return self.ids[:limit]

    async def size(self, namespace: str | None = None) -> tuple[int, datetime | None]:
        raise NotImplementedError

    async def owe(self, namespace: str, ids: Collection[tuple[UUID, int]], *, reason: str) -> None:
        raise NotImplementedError

    async def due(
        self, *, now: datetime, limit: int, namespace: str | None = None
    ) -> Sequence[Owed]:
        raise NotImplementedError

    async def paid(self, namespace: str, ids: Collection[tuple[UUID, int]]) -> int:
        raise NotImplementedError

    async def failed(
        self, namespace: str, ids: Collection[UUID], *, reason: str, due_at: datetime
    ) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("error", [Unavailable("down"), Misconfigured("the key is wrong")])
@pytest.mark.parametrize("mode", list(Mode))
async def test_an_index_that_is_away_is_done_without_or_its_leg_is_named(
    error: SfmError, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with both(300) as (slab, afar, index, questions):
        index.fails_with = error
        query = RecallQuery(query=questions[0], mode=mode)
        assert as_bytes(await asked(afar, query)) == as_bytes(await asked(slab, query))
        monkeypatch.setattr(afar_ranking, "MOST", 50)
        if mode is Mode.VECTOR:
            with pytest.raises(Unavailable, match="vector store"):
                await asked(afar, query)
        else:
            found = await asked(afar, query)
            assert found.hits
            assert found.degraded == (() if mode is Mode.KEYWORD else ("vector",))


async def test_what_is_owed_is_read_and_the_index_is_asked_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owed = OwedWal()
    async with both(owed=owed) as (slab, afar, index, questions):
        monkeypatch.setattr(afar_ranking, "MOST", 400)
        monkeypatch.setattr(afar_ranking, "FRESH_S", -60.0)
        for question in questions[:10]:
            query = RecallQuery(query=question, mode=Mode.VECTOR, top_k=5)
            expected = await asked(slab, query)
            index.lacks = {hit.memory.id for hit in expected.hits[:2]}
            owed.ids = []
            assert shown(await asked(afar, query)) != shown(expected)
            owed.ids = sorted(index.lacks)
            found = await asked(afar, query)
            assert found.degraded == ()
            assert as_bytes(found) == as_bytes(expected)


@pytest.mark.parametrize("why", ["fresh", "owed"])
async def test_of_more_than_can_be_read_the_nearest_that_are_known_are_kept(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = OwedWal()
    async with both(owed=owed) as (slab, afar, index, questions):
        monkeypatch.setattr(afar_ranking, "MOST", 400)
        if why == "fresh":
            monkeypatch.setattr(afar_ranking, "FRESH_S", 1e8)
        else:
            stored = await slab.store.get("acme", [Coordinate.of([n]) for n in range(ROWS)])
            owed.ids = [memory.id for memory in stored.values()]
        query = RecallQuery(query=questions[0], mode=Mode.VECTOR, top_k=5)
        found = await asked(afar, query)
        assert found.degraded == ("vector",)
        # the nearest alone are known, and importance may lift one that is farther
        whole = await asked(slab, replace(query, top_k=100))
        scores = {hit.memory.id: hit.score for hit in whole.hits}
        assert len(found.hits) == 5
        assert found.hits[0].memory.id == whole.hits[0].memory.id
        assert [scores[hit.memory.id] for hit in found.hits] == [hit.score for hit in found.hits]
        assert index.asked


async def test_a_recall_under_writes_shows_only_what_is_there_as_it_is() -> None:
    async with both(300) as (slab, afar, _, questions):
        finished = anyio.Event()

        async def write() -> None:
            for turn in range(60):
                await slab.put(turn, f"{questions[turn % 3]} {turn}")
                if turn % 3 == 0:
                    await slab.remember.delete("acme", Coordinate.of([turn]))
            finished.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            while not finished.is_set():
                for mode in Mode:
                    await asked(afar, RecallQuery(query=questions[0], mode=mode))
        query = RecallQuery(query=questions[0], explain=True, now=afar.clock.now())
        for world in (slab, afar):
            await world.engine.views.refresh()
        assert as_bytes(await asked(afar, query)) == as_bytes(await asked(slab, query))


async def test_a_view_that_is_too_large_with_its_vectors_is_held_without_them() -> None:
    items, questions = material(DATA, 600)
    store = SwitchedStore()
    await store.apply("acme", await upserts(items))
    async with a_world(store, FULL) as slab:
        query = RecallQuery(query=questions[0], explain=True)
        expected = await asked(slab, query)
        size = slab.engine.views.loaded()["acme"].nbytes
    small = replace(FULL, budget_bytes=int(0.7 * size))
    async with a_world(store, small, words=True, vectors=Index(store)) as afar:
        await asked(afar, query)
        found = await asked(afar, query)
        assert found.degraded == ()
        assert as_bytes(found) == as_bytes(expected)
        assert afar.engine.views.loaded()["acme"].is_light
        with pytest.raises(NotHeld):
            afar.engine.views.check_held("acme", vectors=True)
    tiny = replace(FULL, budget_bytes=1000)
    index = Index(store)
    async with a_world(store, tiny, words=True, vectors=index) as none:
        for _ in range(3):
            found = await asked(none, query)
        assert found.degraded == ("slab",)
        assert found.hits
        assert index.asked


async def test_the_links_of_a_light_view_lift_as_those_of_a_slab() -> None:
    async with both(200) as (slab, afar, _, questions):
        query = RecallQuery(query=questions[0], graph_hops=2, explain=True)
        assert as_bytes(await asked(afar, query)) == as_bytes(await asked(slab, query))
