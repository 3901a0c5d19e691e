"""The engine over the in-memory store: what a recall promises, by its effects."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.coordinates import Coordinate
from sfm_core.encode import hit as encoded_hit
from sfm_core.errors import DeadlineExceeded, Unavailable
from sfm_core.filters import Op, Term
from sfm_core.jsontext import dumps
from sfm_core.model import (
    F32,
    Changes,
    EmbedderInfo,
    Memory,
    MemoryDraft,
    Mode,
    RecallQuery,
    RecallResult,
    ViewRow,
)
from sfm_core.owned import OwnedJobs
from sfm_core.ports import VectorStore, VectorWal, ViewFiles
from sfm_core.recall.engine import RecallEngine, RecallPolicy
from sfm_core.remember import Commits, Remember
from sfm_core.testing.fakes import ManualClock, RecordingTelemetry

POLICY = RecallPolicy(deadline_s=2.0, poll_s=0.02)


class SwitchedStore(InMemoryStore):
    """The twin, with an outage to switch on and rows that may vanish between rank and fetch."""

    down = False
    before_fetch: Callable[[], Awaitable[object]] | None = None

    async def fetch(self, namespace: str, ids: Collection[UUID]) -> Mapping[UUID, Memory]:
        self._check()
        if self.before_fetch is not None:
            action, self.before_fetch = self.before_fetch, None
            await action()
        return await super().fetch(namespace, ids)

    async def ping(self) -> None:
        self._check()

    async def by_words(
        self, namespace: str, query: RecallQuery, *, now: datetime, limit: int
    ) -> Sequence[UUID]:
        self._check()
        return await super().by_words(namespace, query, now=now, limit=limit)

    async def token(self) -> int:
        self._check()
        return await super().token()

    async def moment(self) -> str:
        self._check()
        return await super().moment()

    async def changes(
        self, token: int, namespaces: Collection[str], *, model_revision: str
    ) -> Changes:
        self._check()
        return await super().changes(token, namespaces, model_revision=model_revision)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("switched off")


@dataclass
class CountingEmbedder:
    """The hash embedder, counting calls; may refuse."""

    inner: HashEmbedder = field(default_factory=HashEmbedder)
    calls: list[int] = field(default_factory=list)
    refusing: bool = False

    @property
    def info(self) -> EmbedderInfo:
        return self.inner.info

    async def embed(self, texts: Sequence[str]) -> F32:
        if self.refusing:
            raise Unavailable("queue is full")
        self.calls.append(len(texts))
        return await self.inner.embed(texts)


@dataclass(frozen=True)
class World:
    engine: RecallEngine
    remember: Remember
    store: SwitchedStore
    embedder: CountingEmbedder
    clock: ManualClock
    telemetry: RecordingTelemetry

    async def put(self, at: int, text: str, namespace: str = "acme", **said: Any) -> int:
        draft = MemoryDraft(payload={"note": text, **said.pop("payload", {})}, **said)
        return (await self.remember.store(namespace, Coordinate.of([at]), draft)).position

    async def ask(self, text: str, namespace: str = "acme", **asked: Any) -> RecallResult:
        return await self.engine.recall(namespace, RecallQuery(query=text, **asked))


@asynccontextmanager
async def a_world(
    store: SwitchedStore | None = None,
    policy: RecallPolicy = POLICY,
    *,
    files: ViewFiles | None = None,
    words: bool = False,
    vectors: VectorStore | None = None,
    owed: VectorWal | None = None,
) -> AsyncGenerator[World]:
    store, embedder, clock = store or SwitchedStore(), CountingEmbedder(), ManualClock()
    telemetry = RecordingTelemetry()
    with anyio.fail_after(30):
        async with (
            RecallEngine.open(
                records=store,
                feed=store,
                embedder=embedder,
                clock=clock,
                policy=policy,
                telemetry=telemetry,
                files=files,
                log=store,
                words=store if words else None,
                vectors=vectors,
                owed=owed,
            ) as engine,
            OwnedJobs.open() as jobs,
        ):
            commits = Commits(records=store, embedder=embedder, applied=engine.views, jobs=jobs)
            remember = Remember(records=store, embedder=embedder, clock=clock, commits=commits)
            yield World(engine, remember, store, embedder, clock, telemetry)


def shown(result: RecallResult) -> list[int]:
    return [int(h.memory.coordinate.axes[0]) for h in result.hits]


def as_bytes(result: RecallResult) -> bytes:
    return dumps([encoded_hit(h, payload=True, text=True) for h in result.hits])


# -- what a recall promises --------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["store", "store", "delete", "drop", "elsewhere"]),
            st.integers(0, 5),
            st.sampled_from(["tea", "rain", "soup", "violin"]),
        ),
        max_size=25,
    )
)
async def test_every_recall_shows_just_what_was_written_last(
    history: list[tuple[str, int, str]],
) -> None:
    async with a_world() as here, a_world(here.store) as there:
        live: dict[int, str] = {}
        position = 0
        for step, at, text in history:
            if step == "store":
                position = await here.put(at, text)
                live[at] = text
            elif step == "elsewhere":
                position = await there.put(at, text)
                live[at] = text
            elif step == "delete" and at in live:
                gone = await here.remember.delete("acme", Coordinate.of([at]))
                position = gone.position
                del live[at]
            elif step == "drop":
                await here.engine.views.drop("acme")
            found = await here.ask(
                "tea", mode=Mode.KEYWORD, top_k=50, min_position=position or None
            )
            assert sorted(shown(found)) == sorted(a for a, t in live.items() if t == "tea")
            assert all(
                h.memory.text == live[at] for at, h in zip(shown(found), found.hits, strict=True)
            )


async def test_a_write_of_this_process_is_seen_without_asking_for_its_position() -> None:
    async with a_world() as world:
        assert shown(await world.ask("tea")) == []
        for at in range(40):
            await world.put(at, f"tea number {at}")
            assert at in shown(await world.ask(f"tea number {at}", top_k=50))


async def test_an_unknown_namespace_is_an_empty_memory() -> None:
    async with a_world() as world:
        found = await world.ask("tea", namespace="nobody")
        assert found.hits == ()
        assert found.position == 0
        assert found.degraded == ()


async def test_a_position_that_another_process_wrote_is_waited_for() -> None:
    async with a_world() as here, a_world(here.store) as there:
        await here.ask("tea")
        position = await there.put(1, "tea")
        assert shown(await here.ask("tea", min_position=position)) == [1]


async def test_a_position_of_another_namespace_is_reached_too() -> None:
    async with a_world() as world:
        await world.put(1, "tea")
        position = await world.put(1, "tea", namespace="other")
        assert shown(await world.ask("tea", min_position=position)) == [1]


async def test_a_position_that_was_never_written_ends_in_the_deadline() -> None:
    async with a_world(policy=replace(POLICY, deadline_s=0.1)) as world:
        await world.put(1, "tea")
        with pytest.raises(DeadlineExceeded):
            await world.ask("tea", min_position=999)


async def test_other_namespaces_never_change_a_score() -> None:
    async with a_world() as world:
        for at in range(20):
            await world.put(at, f"tea with {at} biscuits", importance=float(at))
        before = as_bytes(await world.ask("tea biscuits", explain=True))
        for at in range(50):
            await world.put(at, "tea tea tea biscuits", namespace="other", importance=1e9)
        assert as_bytes(await world.ask("tea biscuits", explain=True)) == before


async def test_the_same_request_gives_equal_bytes_again_and_after_a_restart() -> None:
    async with a_world() as world:
        for at in range(60):
            await world.put(
                at, f"tea and soup {at % 7}", session=f"s{at % 3}", importance=float(at % 11)
            )
        for at in range(0, 60, 7):
            await world.remember.delete("acme", Coordinate.of([at]))
        asked: dict[str, Any] = {"explain": True, "top_k": 20, "include_text": True}
        before = as_bytes(await world.ask("soup 3", **asked))
        assert as_bytes(await world.ask("soup 3", **asked)) == before
        await world.engine.views.drop("acme")
        assert as_bytes(await world.ask("soup 3", **asked)) == before
        async with a_world(world.store) as restarted:
            assert as_bytes(await restarted.ask("soup 3", **asked)) == before


async def test_a_memory_deleted_elsewhere_during_the_recall_is_not_shown() -> None:
    async with a_world() as here, a_world(here.store) as there:
        for at in range(5):
            await here.put(at, "tea")
        await here.ask("tea")
        here.store.before_fetch = lambda: there.remember.delete("acme", Coordinate.of([2]))
        assert sorted(shown(await here.ask("tea", top_k=4))) == [0, 1, 3, 4]


async def test_a_filter_on_the_payload_holds_for_rows_before_and_after_its_first_use() -> None:
    async with a_world() as world:
        for at in range(10):
            await world.put(at, "tea", payload={"room": {"floor": at % 2}})
        upstairs = Term("room.floor", Op.EQ, 1)
        found = await world.ask("tea", top_k=50, filter=upstairs)
        assert sorted(shown(found)) == [1, 3, 5, 7, 9]
        await world.put(20, "tea", payload={"room": {"floor": 1}})
        await world.put(1, "tea", payload={"room": {"floor": 0}})
        found = await world.ask("tea", top_k=50, filter=upstairs)
        assert sorted(shown(found)) == [3, 5, 7, 9, 20]


async def test_expiry_hides_at_the_very_instant() -> None:
    async with a_world() as world:
        await world.put(1, "tea", expires_at=world.clock.now() + timedelta(seconds=5))
        assert shown(await world.ask("tea")) == [1]
        world.clock.advance(timedelta(seconds=5))
        assert shown(await world.ask("tea")) == []


# -- outages are declared ----------------------------------------------------------------------


async def test_without_the_embedder_a_hybrid_recall_answers_by_words_and_says_so() -> None:
    async with a_world() as world:
        await world.put(1, "tea")
        await world.put(2, "soup")
        world.embedder.refusing = True
        found = await world.ask("tea")
        assert shown(found) == [1]
        assert found.degraded == ("vector",)
        with pytest.raises(Unavailable):
            await world.ask("tea", mode=Mode.VECTOR)


@pytest.mark.parametrize("question", ["tea", "nothing like it"])
async def test_an_outage_of_the_store_is_never_an_empty_answer(question: str) -> None:
    async with a_world() as world:
        await world.put(1, "tea")
        await world.ask("tea")
        world.store.down = True
        with pytest.raises(Unavailable):
            await world.engine.views.refresh()
        with pytest.raises(Unavailable):
            await world.ask(question, mode=Mode.KEYWORD)
        with pytest.raises(Unavailable):
            await world.ask(question, namespace="unseen", mode=Mode.KEYWORD)
        world.store.down = False
        assert shown(await world.ask("tea")) == [1]


async def test_a_caller_that_gives_up_does_not_stop_the_loading() -> None:
    async with a_world() as world:
        await world.put(1, "tea")
        await world.engine.views.drop("acme")
        with anyio.move_on_after(0):
            await world.ask("tea")
        assert shown(await world.ask("tea")) == [1]


# -- request coalescing ------------------------------------------------------------------------


async def test_sixty_four_recalls_at_once_share_waves_and_answer_as_if_alone() -> None:
    async with a_world() as world:
        for at in range(30):
            await world.put(at, f"tea {at}")
        alone = {n: as_bytes(await world.ask(f"tea {n % 30}")) for n in range(64)}
        world.telemetry.observed.clear()
        together: dict[int, bytes] = {}

        async def one(n: int) -> None:
            together[n] = as_bytes(await world.ask(f"tea {n % 30}"))

        async with anyio.create_task_group() as tasks:
            for n in range(64):
                tasks.start_soon(one, n)
        assert together == alone
        waves = [v for name, v, _ in world.telemetry.observed if name == "recall_batch_queries"]
        assert sum(waves) == 64
        assert len(waves) < 32


async def test_a_batch_of_queries_is_embedded_once_and_ranked_in_one_wave() -> None:
    async with a_world() as world:
        for at in range(10):
            await world.put(at, f"tea {at}")
        await world.ask("warm")
        world.embedder.calls.clear()
        world.telemetry.observed.clear()
        queries = [RecallQuery(query=f"tea {n}") for n in range(10)]
        results = await world.engine.recall_many("acme", queries)
        assert [shown(r)[0] for r in results] == list(range(10))
        assert world.embedder.calls == [10]
        waves = [v for name, v, _ in world.telemetry.observed if name == "recall_batch_queries"]
        assert waves == [10]


async def test_warming_up_loads_every_namespace_and_a_late_recall_says_what_it_waits_for() -> None:
    class Stuck(SwitchedStore):
        async def load(
            self, namespace: str, *, model_revision: str
        ) -> AsyncIterator[Sequence[ViewRow]]:
            await go_on.wait()
            async for rows in super().load(namespace, model_revision=model_revision):
                yield rows

    go_on = anyio.Event()
    async with a_world(Stuck(), replace(POLICY, deadline_s=0.05)) as world:
        await world.put(1, "tea")
        await world.put(1, "soup", namespace="other")
        with pytest.raises(DeadlineExceeded, match="still being built"):
            await world.ask("tea")
        go_on.set()
        await world.engine.warm_up()
        assert set(world.engine.views.loaded()) == {"acme", "other"}


async def test_rows_that_come_while_a_view_loads_are_not_lost() -> None:
    class SlowLoad(SwitchedStore):
        async def load(
            self, namespace: str, *, model_revision: str
        ) -> AsyncIterator[Sequence[ViewRow]]:
            async for rows in super().load(namespace, model_revision=model_revision):
                loading.set()
                await go_on.wait()
                yield rows

    loading, go_on = anyio.Event(), anyio.Event()
    async with a_world(SlowLoad()) as world:
        await world.put(1, "tea")
        results: list[RecallResult] = []

        async def ask() -> None:
            results.append(await world.ask("tea", top_k=9))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await loading.wait()
            await world.put(2, "tea")
            await world.remember.delete("acme", Coordinate.of([1]))
            go_on.set()
        assert shown(results[0]) == [2]


async def test_the_configuration_in_the_explanation_names_the_language() -> None:
    configs = set()
    for language in ("english", "german"):
        async with a_world(policy=replace(POLICY, language=language)) as world:
            await world.put(1, "tea")
            [hit] = (await world.ask("tea", explain=True)).hits
            assert hit.explanation is not None
            configs.add(hit.explanation.config)
    assert len(configs) == 2
