"""Patch, restore and delete-many over PostgreSQL: nothing lost, nothing done twice."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import anyio
import numpy as np
import pytest

from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.filters import parse
from sfm_core.model import (
    F32,
    DeletedMany,
    EmbedderInfo,
    HistoryQuery,
    MemoryDraft,
    MemoryPatch,
    Receipt,
    Selection,
)
from sfm_core.remember import Commits, Lifecycle, Remember, deletes
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.fakes import InlineJobs, NoViews
from sfm_core.testing.writes import an_upsert, at

pytestmark = pytest.mark.integration

PLACE = at("1")


class Flat:
    """Every text has the same vector."""

    info = EmbedderInfo(name="flat", model_revision="flat", dim=4, floor=0.0, semantic=False)

    async def embed(self, texts: Sequence[str]) -> F32:
        return np.tile(np.array([1, 0, 0, 0], dtype=np.float32), (len(texts), 1))


class Memories:
    """The use-cases over one database, in a namespace of its own."""

    def __init__(self, store: PostgresStore, events: PostgresEvents) -> None:
        self.namespace = f"t-{uuid4().hex}"
        self.store = store
        commits = Commits(records=store, embedder=Flat(), applied=NoViews(), jobs=InlineJobs())
        self.remember = Remember(
            records=store, embedder=Flat(), clock=SystemClock(), commits=commits
        )
        self.lifecycle = Lifecycle(
            records=store, events=events, embedder=Flat(), clock=SystemClock(), commits=commits
        )

    async def fill(self, count: int) -> None:
        await self.store.apply(
            self.namespace, [an_upsert(f"2,{i}", payload={"n": i}) for i in range(count)]
        )


@asynccontextmanager
async def memories(dsn: str) -> AsyncGenerator[Memories]:
    async with open_pool(dsn, size=8) as pool:
        yield Memories(PostgresStore(pool), PostgresEvents(pool))


async def test_of_patches_at_once_none_is_lost(module_database: str) -> None:
    async with memories(module_database) as on:
        await on.remember.store(on.namespace, PLACE, MemoryDraft(payload={}))
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for i in range(6):
                    patch = MemoryPatch(payload={f"k{i}": i})
                    tasks.start_soon(partial(on.lifecycle.patch, on.namespace, PLACE, patch))
        memory = await on.remember.get(on.namespace, PLACE)
        assert dict(memory.draft.payload) == {f"k{i}": i for i in range(6)}
        assert memory.version == 7


async def test_every_version_comes_back_and_the_history_tells_it(module_database: str) -> None:
    async with memories(module_database) as on:
        namespace = on.namespace
        await on.remember.store(namespace, PLACE, MemoryDraft(payload={"z": 1, "a": 1.0}))
        await on.lifecycle.patch(namespace, PLACE, MemoryPatch(payload={"z": None}, tags=("x",)))
        await on.remember.delete(namespace, PLACE)
        stood = {n: await on.lifecycle.version(namespace, PLACE, n) for n in (1, 2)}
        for version, memory in stood.items():
            await on.lifecycle.restore(namespace, PLACE, version)
            back = await on.remember.get(namespace, PLACE)
            assert repr(back.draft) == repr(memory.draft)
            assert (back.text, back.created_at) == (memory.text, memory.created_at)
        page = await on.lifecycle.history(namespace, PLACE, HistoryQuery())
        assert [event.type for event in page.events] == [
            "restored", "restored", "deleted", "updated", "created",
        ]  # fmt: skip
        [row] = await on.store.view_rows(
            namespace, [page.events[0].memory_id], model_revision="flat"
        )
        assert (row.version, row.vector is not None) == (5, True)


async def test_many_are_deleted_in_steps_and_once_per_key(
    module_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletes, "STEP", 4)
    async with memories(module_database) as on:
        meant = Selection(filter=parse({"n": {"$lt": 10}}))
        receipt = Receipt(key="k", fingerprint=b"f")

        async def delete() -> DeletedMany:
            return await on.lifecycle.delete_many(on.namespace, meant, receipt=receipt)

        await on.fill(12)
        first = await delete()
        left = (await on.store.stats(on.namespace)).total
        await on.fill(12)
        again = await delete()
        assert (first.deleted, left) == (10, 2)
        assert (again.deleted, again.position, again.replayed) == (10, first.position, True)
        assert (await on.store.stats(on.namespace)).total == 12


async def test_calls_at_once_with_one_key_delete_once_and_agree(module_database: str) -> None:
    async with memories(module_database) as on:
        await on.fill(20)
        receipt = Receipt(key="k", fingerprint=b"f")
        done: list[DeletedMany] = []

        async def delete() -> None:
            done.append(await on.lifecycle.delete_many(on.namespace, Selection(), receipt=receipt))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(delete)
        assert {one.deleted for one in done} == {20}
        stats = await on.store.stats(on.namespace)
        assert (stats.total, stats.deleted) == (0, 20)


async def test_two_that_delete_the_same_at_once_count_each_memory_once(
    module_database: str,
) -> None:
    async with memories(module_database) as on:
        await on.fill(20)
        done: list[int] = []

        async def delete() -> None:
            done.append((await on.lifecycle.delete_many(on.namespace, Selection())).deleted)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(delete)
                tasks.start_soon(delete)
        assert sum(done) == 20
