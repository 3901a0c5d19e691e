"""Upkeep over PostgreSQL: what it does, and that it can all be undone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import anyio
import pytest

from sfm_core.adapters.postgres.pool import connect, open_pool
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.assembled import Runtime
from sfm_core.errors import Conflict, NotFound, Unavailable
from sfm_core.factory import open_runtime
from sfm_core.model import HistoryQuery, MemoryDraft, MemoryPatch, RecallQuery
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.testing.fakes import ManualClock
from sfm_core.testing.writes import at

pytestmark = pytest.mark.integration

DAY: Final = timedelta(days=1)
PAYLOAD: Final = {"raw": "wires", "gist": "tea", "detail": "at four"}


@pytest.fixture
def namespace() -> str:
    return f"t-{uuid4().hex}"


@asynccontextmanager
async def a_process(
    dsn: str, *, clock: ManualClock | None = None, **settings: Any
) -> AsyncGenerator[Runtime]:
    """A runtime of its own over the database, whose clock is a month ahead."""
    core = CoreSettings(
        postgres_url=Secret(dsn),
        postgres_pool_size=6,
        embedder="hash",
        decay_thresholds_seconds=(DAY.total_seconds(), 3 * DAY.total_seconds()),
        decay_keys_by_level=(("raw",), ("detail",)),
        **settings,
    )
    later = clock or ManualClock(datetime.now(UTC) + 30 * DAY)
    async with open_runtime(core, clock=later) as runtime:
        yield runtime


async def put(runtime: Runtime, namespace: str, where: str, **said: Any) -> None:
    draft = MemoryDraft(payload=said.pop("payload", PAYLOAD), **said)
    await runtime.remember.store(namespace, at(where), draft)


async def test_each_effect_happens_as_told_and_a_restore_undoes_it(
    module_database: str, namespace: str
) -> None:
    async with a_process(module_database, max_memory_size=3) as runtime:
        now = runtime.clock.now()
        await put(runtime, namespace, "1", importance=5.0)
        await put(runtime, namespace, "2", importance=0.0, payload={"gist": "rain"})
        await put(runtime, namespace, "3", importance=5.0, expires_at=now - DAY)
        await put(runtime, namespace, "4", importance=5.0, pinned=True)
        await put(runtime, namespace, "5", importance=4.0, payload={"gist": "sun"})
        before = await runtime.records.get(namespace, [at(str(n)) for n in range(1, 6)])
        dry = await runtime.upkeep.run(namespace, dry_run=True)
        wet = await runtime.upkeep.run(namespace)
        assert [(e.coordinate.text, e.kind, e.version, e.removed) for e in wet.effects] == [
            ("3", "expired", 1, ()),
            ("2", "pruned", 1, ()),
            ("1", "decayed", 1, ("detail", "raw")),
        ]
        assert dry.effects == wet.effects
        assert (await runtime.upkeep.run(namespace)).effects == ()
        found = await runtime.recall.recall(namespace, RecallQuery(query="tea rain sun wires"))
        assert {h.memory.coordinate.text for h in found.hits} == {"1", "4", "5"}
        for effect in wet.effects:
            where = effect.coordinate
            history = await runtime.lifecycle.history(namespace, where, HistoryQuery())
            named = "deleted" if effect.kind == "pruned" else effect.kind.value
            assert [event.type for event in history.events] == [named, "created"]
            await runtime.lifecycle.restore(namespace, where, effect.version)
            back = await runtime.remember.get(namespace, where)
            assert back.draft.payload == before[where].draft.payload
            assert back.created_at == before[where].created_at
            assert back.version == 3


async def test_what_was_brought_back_does_not_decay_again_at_once(
    module_database: str, namespace: str
) -> None:
    clock = ManualClock(datetime.now(UTC) + 30 * DAY)
    async with a_process(module_database, clock=clock) as runtime:
        await put(runtime, namespace, "1")
        assert len((await runtime.upkeep.run(namespace)).effects) == 1
        await runtime.lifecycle.restore(namespace, at("1"), 1)
        clock.set(datetime.now(UTC) + timedelta(hours=1))
        assert (await runtime.upkeep.run(namespace)).effects == ()
        clock.set(datetime.now(UTC) + 2 * DAY)
        assert [e.removed for e in (await runtime.upkeep.run(namespace)).effects] == [("raw",)]
        clock.set(datetime.now(UTC) + 4 * DAY)
        assert [e.removed for e in (await runtime.upkeep.run(namespace)).effects] == [("detail",)]


async def test_processes_that_run_at_once_do_each_effect_once(
    module_database: str, namespace: str
) -> None:
    async with a_process(module_database) as one, a_process(module_database) as other:
        for n in range(120):
            await put(one, namespace, str(n))
        done: list[int] = []

        async def run(runtime: Runtime) -> None:
            for _ in range(3):
                try:
                    done.append(len((await runtime.upkeep.run(namespace)).effects))
                except Conflict:
                    await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for runtime in (one, other, one):
                tasks.start_soon(run, runtime)
        assert sum(done) == 120
        for n in range(120):
            assert await one.records.last_version(namespace, at(str(n))) == 2


async def test_writes_that_go_on_meanwhile_are_all_kept(
    module_database: str, namespace: str
) -> None:
    async with a_process(module_database) as one, a_process(module_database) as other:
        for n in range(150):
            await put(one, namespace, str(n))
        said = {str(n): {"raw": f"new {n}"} for n in range(0, 150, 2)}

        async def write() -> None:
            for where, payload in said.items():
                await put(other, namespace, where, payload=payload)

        reports = []

        async def run() -> None:
            reports.append(await one.upkeep.run(namespace))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            tasks.start_soon(run)
        [report] = reports
        live = await one.records.get(namespace, [at(str(n)) for n in range(150)])
        for where, payload in said.items():
            assert live[at(where)].draft.payload == payload
        for effect in report.effects:
            if effect.coordinate.text not in said:
                assert live[effect.coordinate].draft.payload == {"gist": "tea"}
        told = {effect.coordinate.text for effect in report.effects}
        assert {str(n) for n in range(1, 150, 2)} <= told


async def test_replicas_agree_on_importance_whatever_happened_to_memories(
    module_database: str, namespace: str
) -> None:
    asked = [-1.0, 0.0, 7.0, 40.0, 99.0, 300.0]
    async with a_process(module_database) as one, a_process(module_database) as other:
        for n in range(100):
            await put(one, namespace, str(n), importance=float(n % 50))
        for runtime in (one, other):
            await runtime.recall.recall(namespace, RecallQuery(query="tea"))
        await one.upkeep.run(namespace)
        await other.lifecycle.restore(namespace, at("7"), 1)
        await one.lifecycle.patch(namespace, at("8"), MemoryPatch(importance=300.0))
        await other.lifecycle.patch(namespace, at("9"), MemoryPatch(pinned=True))
        await one.remember.delete(namespace, at("10"))
        stored = await one.remember.store(namespace, at("11"), MemoryDraft(payload={"a": 1}))
        for runtime in (one, other):
            query = RecallQuery(query="tea", min_position=stored.position)
            await runtime.recall.recall(namespace, query)
            await runtime.recall.views.refresh()
        norms = await one.recall.norms(namespace, asked)
        assert await other.recall.norms(namespace, asked) == norms
        assert norms[-1] == 1.0
        async with a_process(module_database) as late:
            assert await late.recall.norms(namespace, asked) == norms
            await late.recall.recall(namespace, RecallQuery(query="tea"))
            assert await late.recall.norms(namespace, asked) == norms


async def test_accesses_are_written_when_a_process_ends(
    module_database: str, namespace: str
) -> None:
    async with a_process(module_database) as runtime:
        await put(runtime, namespace, "1")
        memory = await runtime.remember.get(namespace, at("1"))
        await runtime.recall.recall(namespace, RecallQuery(query="tea"))
    async with open_pool(module_database, size=1) as pool:
        counts = await PostgresUpkeep(pool).counted(namespace, [memory.id])
    assert counts[memory.id].hits == 2


async def test_a_job_of_a_connection_that_died_can_be_taken(
    module_database: str, namespace: str
) -> None:
    async with open_pool(module_database, size=3) as pool:
        upkeep = PostgresUpkeep(pool)
        async with upkeep.held(namespace, "job") as is_ours:
            assert is_ours
            admin = await connect(module_database)
            try:
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                )
            finally:
                await admin.close()
        async with upkeep.held(namespace, "job") as again:
            assert again
        async with upkeep.held(namespace, "job") as once_more:
            assert once_more


async def test_pruning_prefers_what_nobody_asked_for(module_database: str, namespace: str) -> None:
    async with a_process(module_database, max_memory_size=2) as runtime:
        for where in ("1", "2", "3"):
            await put(runtime, namespace, where, payload={"gist": "tea"})
        await runtime.remember.get(namespace, at("1"))
        await runtime.remember.get(namespace, at("3"))
        await runtime.accesses.flush()
        report = await runtime.upkeep.run(namespace)
        assert [effect.coordinate.text for effect in report.effects] == ["2"]
        with pytest.raises(NotFound):
            await runtime.remember.get(namespace, at("2"))


async def test_runs_in_many_namespaces_leave_connections_to_others(
    module_database: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, each run held the connection of its lock and waited for another: none was left."""
    async with a_process(module_database) as runtime:  # six connections
        names = [f"{namespace}-{n}" for n in range(12)]
        for name in names:
            await put(runtime, name, "1")
        begun, go_on = [], anyio.Event()
        expired = PostgresUpkeep.expired

        async def holding(self: PostgresUpkeep, *asked: Any, **more: Any) -> Any:
            begun.append(1)
            await go_on.wait()
            return await expired(self, *asked, **more)

        monkeypatch.setattr(PostgresUpkeep, "expired", holding)
        said: list[str] = []

        async def run(name: str) -> None:
            try:
                await runtime.upkeep.run(name)
            except Unavailable as error:
                said.append(error.detail)
            else:
                said.append("done")

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(run, name)
            while len(begun) + len(said) < len(names):
                await anyio.lowlevel.checkpoint()
            with anyio.fail_after(2):  # half of what a connection is waited for
                await runtime.remember.get(names[0], at("1"))
            refused = len(said)
            go_on.set()
        assert (len(begun), refused) == (1, 11)
        assert sorted(set(said)) == ["done", "too many runs of upkeep go on in this process"]
        assert said.count("done") == 1
        for name in names:
            await runtime.upkeep.run(name)
