"""The view of this process beside the record store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.assembled import Runtime
from sfm_core.factory import open_runtime
from sfm_core.model import JobName, LinkKey, MemoryDraft, PutLink, RecallQuery
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.testing.writes import at

NS = "a"
SETTINGS = CoreSettings(
    postgres_url=Secret("memory://"), embedder="hash", reconcile_interval_seconds=0.1
)


@asynccontextmanager
async def a_process() -> AsyncIterator[Runtime]:
    async with open_runtime(SETTINGS) as runtime:
        for number in range(3):
            said = MemoryDraft(payload={"text": f"memory {number}"})
            await runtime.remember.store(NS, at(f"{number}"), said)
        await runtime.recall.recall(NS, RecallQuery(query="memory"))
        assert NS in runtime.recall.views.loaded()
        yield runtime


async def effects(runtime: Runtime, *, dry_run: bool = False) -> list[str]:
    done = await runtime.reconcile.run(NS, jobs=[JobName.PARITY], dry_run=dry_run)
    return [effect.kind for job in done.jobs for effect in job.effects]


def spoil(runtime: Runtime) -> None:
    """Let the record store have what no feed ever told."""
    assert isinstance(runtime.records, InMemoryStore)
    rows = runtime.records.peek(NS).rows
    rows[at("1")] = replace(rows[at("1")], memory=replace(rows[at("1")].memory, version=7))


async def test_a_view_that_is_as_the_store_is_left_alone() -> None:
    async with a_process() as runtime:
        assert await effects(runtime) == []
        assert NS in runtime.recall.views.loaded()


async def test_a_view_that_differs_is_loaded_anew() -> None:
    async with a_process() as runtime:
        spoil(runtime)
        assert await effects(runtime, dry_run=True) == ["reloaded"]
        assert await effects(runtime) == ["reloaded"]
        assert NS not in runtime.recall.views.loaded()
        await runtime.recall.recall(NS, RecallQuery(query="memory"))
        assert await effects(runtime) == []


async def test_a_view_that_is_not_loaded_is_not_loaded_for_an_audit() -> None:
    async with open_runtime(SETTINGS) as runtime:
        said = MemoryDraft(payload={"text": "memory"})
        await runtime.remember.store(NS, at("1"), said)
        assert await effects(runtime) == []
        assert NS not in runtime.recall.views.loaded()


async def test_a_view_that_catches_up_between_the_looks_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_process() as runtime:
        assert isinstance(runtime.records, InMemoryStore)
        rows = runtime.records.peek(NS).rows
        before = rows[at("1")]
        spoil(runtime)

        async def mended(_: float) -> None:
            rows[at("1")] = before

        monkeypatch.setattr("sfm_core.reconcile.parity.anyio.sleep", mended)
        assert await effects(runtime) == []
        assert NS in runtime.recall.views.loaded()


async def test_a_view_whose_links_differ_is_loaded_anew() -> None:
    async with a_process() as runtime:
        key = LinkKey(origin=at("1"), target=at("2"), type="related")
        await runtime.graph.link(NS, PutLink(key=key, weight=0.5))
        await runtime.recall.recall(NS, RecallQuery(query="memory"))
        assert await effects(runtime) == []
        assert isinstance(runtime.records, InMemoryStore)
        runtime.records.peek(NS).links.clear()
        assert await effects(runtime) == ["reloaded"]
