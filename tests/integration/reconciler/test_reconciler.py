"""The reconciler over PostgreSQL and Qdrant's engine."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import pytest

from sfm_core import encode, jsontext
from sfm_core.assembled import Runtime
from sfm_core.coordinates import memory_id
from sfm_core.errors import Conflict
from sfm_core.factory import open_runtime
from sfm_core.indexing import point_of
from sfm_core.model import MemoryDraft, Projected, VectorPoint, ViewRow
from sfm_core.ports import Ledger, VectorStore
from sfm_core.runtime.tracing import NoTracing
from sfm_core.testing.writes import a_vector, an_upsert, at
from sfm_reconciler import once
from sfm_reconciler.settings import ReconcilerSettings
from tests.integration.reconciler.running import (
    is_ready,
    metric,
    reconciling,
    settings_of,
    until,
)
from tests.servers.cut import way_to
from tests.servers.qdrant import TestQdrant
from tests.servers.workers import service
from tests.servers.workers import until as soon

pytestmark = pytest.mark.integration

NS: Final = "a"
GHOST: Final = UUID(int=7)
VECTOR: Final = a_vector(dim=384)


class Deployment:
    """A process of the API, and what a test looks at beside it."""

    def __init__(self, runtime: Runtime, settings: ReconcilerSettings) -> None:
        self.runtime = runtime
        self.settings = settings
        self.ledger: Ledger = runtime.reconcile._parity._ledger
        assert runtime.vectors is not None
        self.vectors: VectorStore = runtime.vectors

    async def stored(self, *numbers: int, namespace: str = NS) -> None:
        for number in numbers:
            said = MemoryDraft(payload={"text": f"memory {number}"})
            await self.runtime.remember.store(namespace, at(f"{number}"), said)

    async def is_sound(self, namespace: str = NS) -> bool:
        revision = self.runtime.embedder.info.model_revision
        held = await self.vectors.digest(namespace)
        sums = await self.ledger.sums(namespace, model_revision=revision)
        return held == sums.points and not sums.unembedded


@asynccontextmanager
async def a_deployment(dsn: str, qdrant: str, **env: str) -> AsyncIterator[Deployment]:
    settings = settings_of(
        POSTGRES_URL=dsn, QDRANT_URL=qdrant, QDRANT_COLLECTION=f"c-{uuid4().hex}", **env
    )
    async with open_runtime(settings.core) as runtime:
        yield Deployment(runtime, settings)


def a_point(id_: UUID) -> VectorPoint:
    row = ViewRow(
        namespace=NS, id=id_, coordinate=at("1"), version=1, position=1, vector=a_vector(dim=384)
    )
    point = point_of(row, generation=1, model_revision="older")
    assert point is not None
    return point


async def spoil(deployment: Deployment) -> None:
    """One of each kind of what can be wrong; what was right stays."""
    await deployment.stored(*range(8))
    vectors, records = deployment.vectors, deployment.runtime.records
    lost = memory_id(NS, at("1"))
    await vectors.remove(NS, [lost])
    await records.apply(NS, [an_upsert("2", model_revision="older", vector=VECTOR)])
    await deployment.runtime.remember.delete(NS, at("3"))
    shown = a_point(memory_id(NS, at("3")))
    await vectors.remove(NS, [shown.id])
    await vectors.put(NS, [shown, a_point(GHOST)])


async def test_two_reconcilers_at_once_mend_whatever_is_wrong_and_each_thing_once(
    fresh_database: str, qdrant_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_deployment(fresh_database, qdrant_url) as deployment:
        await spoil(deployment)
        assert not await deployment.is_sound()
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(reconciling(deployment.settings, monkeypatch))
                for _ in range(2)
            ]
            for client in clients:
                await until(lambda client=client: is_ready(client))  # type: ignore[misc]
            await until(deployment.is_sound)
            await deployment.stored(20, 21)
            await until(deployment.is_sound)
            for effect, least in (("embedded", 1), ("buried", 1), ("removed", 1)):
                series = f'sfm_reconcile_effects_total{{effect="{effect}",job="parity"}}'
                done = sum([await metric(client, series) for client in clients])
                assert done == least, effect


async def test_a_dry_run_tells_what_a_run_then_does_over_real_stores(
    fresh_database: str, qdrant_url: str
) -> None:
    async with a_deployment(fresh_database, qdrant_url) as deployment:
        await spoil(deployment)
        reconcile = deployment.runtime.reconcile
        dry = await reconcile.run(NS, dry_run=True)
        assert not await deployment.is_sound()
        wet = await reconcile.run(NS)
        assert wet.jobs == dry.jobs
        assert {"put", "embedded", "buried", "removed"} == {
            effect.kind for effect in wet.jobs[-1].effects
        }
        assert await deployment.is_sound()
        again = await reconcile.run(NS)
        assert [effect for job in again.jobs for effect in job.effects] == []


async def test_what_a_round_of_all_jobs_would_do_is_told_and_not_done(
    fresh_database: str, qdrant_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_deployment(
        fresh_database, qdrant_url, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"
    ) as deployment:
        await spoil(deployment)
        await deployment.stored(1, namespace="b")
        told: list[list[dict[str, Any]]] = []
        for _ in range(2):
            capsys.readouterr()
            await once.dry_run(deployment.settings, anyio.Event(), tracing=NoTracing())
            told.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
        assert told[0] == told[1]
        relay, receipts, report = told[0]
        unsent, _ = await deployment.runtime.outbox.backlog()
        assert relay == {"job": "relay", "counts": {"published": unsent}}
        assert receipts == {"job": "receipts", "counts": {"forgotten": 0}}
        wet = await deployment.runtime.reconcile.run(NS)
        done = encode.reconcile_report(wet) | {"dry_run": True, "namespace": NS}
        assert report == json.loads(jsontext.dumps(done))


async def test_two_runs_at_once_in_a_namespace_are_one_and_a_conflict(
    fresh_database: str, qdrant_url: str
) -> None:
    async with a_deployment(fresh_database, qdrant_url) as deployment:
        await spoil(deployment)
        async with open_runtime(deployment.settings.core) as other:
            outcomes: list[object] = []

            async def run(runtime: Runtime) -> None:
                try:
                    outcomes.append(await runtime.reconcile.run(NS))
                except Conflict as error:
                    outcomes.append(error)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run, deployment.runtime)
                tasks.start_soon(run, other)
        assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True]
        assert await deployment.is_sound()


async def test_a_deleted_memory_stays_gone_through_a_rebuild_of_the_collection(
    fresh_database: str, own_qdrant: TestQdrant
) -> None:
    async with a_deployment(fresh_database, own_qdrant.url) as deployment:
        runtime = deployment.runtime
        await deployment.stored(1, 2)
        await deployment.stored(1, namespace="b")
        id_, revision = memory_id(NS, at("1")), runtime.embedder.info.model_revision
        [row] = await runtime.records.view_rows(NS, [id_], model_revision=revision)
        late = point_of(row, generation=1, model_revision=revision)
        assert late is not None
        await runtime.remember.delete(NS, at("1"))
        await runtime.erase.erase("b")
        own_qdrant.restart_empty()
        stopping = anyio.Event()
        await once.rebuild_collection(deployment.settings, stopping, tracing=NoTracing())
        assert await deployment.is_sound()
        await deployment.vectors.put(NS, [late])
        marks = await deployment.vectors.positions(NS, after=None, limit=9)
        assert {mark[0]: mark[2] for mark in marks} == {id_: True, memory_id(NS, at("2")): False}
        assert await deployment.is_sound()
        assert await deployment.vectors.held("b") == 0


async def test_rebuilding_vectors_puts_the_index_of_the_namespace_right_too(
    fresh_database: str, qdrant_url: str
) -> None:
    async with a_deployment(fresh_database, qdrant_url) as deployment:
        await spoil(deployment)
        done = await deployment.runtime.rebuild.rebuild(NS, Projected.VECTORS)
        assert done.is_sound
        assert done.points is not None
        assert done.points.before != done.points.after == done.points.truth
        assert await deployment.is_sound()


async def test_while_postgres_is_away_it_says_so_and_goes_on_when_it_is_back(
    fresh_database: str, qdrant_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_deployment(fresh_database, qdrant_url) as deployment:
        await deployment.stored(1)
        with way_to(fresh_database) as way:
            way.cut()
            settings = settings_of(
                POSTGRES_URL=way.dsn,
                QDRANT_URL=qdrant_url,
                QDRANT_COLLECTION=deployment.settings.core.qdrant_collection,
            )
            async with reconciling(settings, monkeypatch) as client:
                assert not await is_ready(client)
                assert (await client.get("/healthz")).status_code == 200
                way.mend()
                await until(lambda: is_ready(client))
                await until(deployment.is_sound)
                way.cut()
                await until(lambda: _not_ready(client))
                way.mend()
                await until(lambda: is_ready(client))


async def test_while_qdrant_is_away_it_says_so_and_mends_what_was_missed(
    fresh_database: str, own_qdrant: TestQdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        a_deployment(fresh_database, own_qdrant.url) as deployment,
        reconciling(deployment.settings, monkeypatch) as client,
    ):
        await deployment.stored(1)
        await until(deployment.is_sound)
        own_qdrant.kill()
        await until(lambda: _not_ready(client))
        dependencies = (await client.get("/readyz")).json()["dependencies"]
        assert [one["name"] for one in dependencies if not one["ok"]] == ["qdrant"]
        own_qdrant.restart_empty()
        await until(deployment.is_sound)
        await until(lambda: is_ready(client))


async def _not_ready(client: object) -> bool:
    return not await is_ready(client)  # type: ignore[arg-type]


def test_it_stops_in_time_whatever_is_away(fresh_database: str, own_qdrant: TestQdrant) -> None:
    with way_to(fresh_database) as way:
        env = {"POSTGRES_URL": way.dsn, "QDRANT_URL": own_qdrant.url}
        with service("sfm_reconciler", **env) as running:
            soon(running.is_ready)
            own_qdrant.freeze()
            way.cut()
            assert running.stop() == 0
            own_qdrant.thaw()
