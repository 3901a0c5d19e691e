"""What every ChangeFeed does over its RecordStore; each implementation's tests inherit this."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

import anyio
import numpy as np

from sfm_core import jsontext
from sfm_core.model import Delete, EventType, Stamp, ViewRow, Write
from sfm_core.ports import ChangeFeed, RecordStore
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at, written


class Store(RecordStore, ChangeFeed, Protocol):
    """Both ports over the same memories."""


async def loaded(store: Store, namespace: str, revision: str = REVISION) -> list[ViewRow]:
    """Every row of every batch."""
    return [row async for rows in store.load(namespace, model_revision=revision) for row in rows]


class ChangeFeedContract:
    async def test_what_is_written_after_a_token_is_in_its_changes(
        self, store: Store, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        token = await store.token()
        vector = a_vector(3.0)
        done = written(
            await store.apply(
                namespace,
                [an_upsert("2", payload={"b": [1.0]}, vector=vector, importance=4.5, tags=("t",))],
            )
        )
        gone = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        rows = {row.coordinate: row for row in changes.rows}
        tombstone, row = rows[at("1")], rows[at("2")]
        assert (tombstone.deleted, tombstone.version, tombstone.id) == (True, 2, gone.id)
        assert tombstone.vector is None
        assert (row.deleted, row.version, row.position) == (False, 2, done.position)
        assert (row.importance, row.tags, row.payload) == (4.5, ("t",), '{"b":[1.0]}')
        assert (row.created_at, row.updated_at) == (done.created_at, done.at)
        assert row.vector is not None
        assert np.array_equal(row.vector, vector)
        assert changes.positions == {namespace: gone.position}
        samples = [(s.position, s.importance) for s in changes.samples[namespace]]
        assert samples == [(done.position, 4.5)]

    async def test_changes_follow_on_each_other(self, store: Store, namespace: str) -> None:
        token = await store.token()
        seen: set[int] = set()
        for i in range(5):
            await store.apply(namespace, [an_upsert(f"{i}")])
            changes = await store.changes(token, [namespace], model_revision=REVISION)
            assert changes.token >= token
            token = changes.token
            seen |= {row.position for row in changes.rows}
        assert len(seen) == 5
        quiet = await store.changes(token, [namespace], model_revision=REVISION)
        assert quiet.positions == {namespace: max(seen)}

    async def test_every_commit_gives_what_is_committed_another_name(
        self, store: Store, namespace: str
    ) -> None:
        names = {await store.moment()}
        writes: list[Write] = [an_upsert("1"), Delete(coordinate=at("1")), an_upsert("1")]
        for count, write in enumerate(writes, start=2):
            await store.apply(namespace, [write])
            names.add(await store.moment())
            assert len(names) == count

    async def test_only_the_asked_namespaces_are_told_of(
        self, store: Store, namespace: str
    ) -> None:
        token = await store.token()
        await store.apply(f"{namespace}-a", [an_upsert("1")])
        await store.apply(f"{namespace}-b", [an_upsert("1")])
        changes = await store.changes(
            token, [f"{namespace}-a", f"{namespace}-c"], model_revision=REVISION
        )
        assert {row.namespace for row in changes.rows} == {f"{namespace}-a"}
        assert set(changes.samples) == {f"{namespace}-a"}
        assert changes.positions[f"{namespace}-c"] == 0

    async def test_a_reader_never_misses_a_write_of_many_writers(
        self, store: Store, namespace: str
    ) -> None:
        known: dict[UUID, int] = {}
        samples: set[int] = set()
        token = await store.token()
        finished = anyio.Event()

        async def write(writer: int) -> None:
            for turn in range(8):
                await store.apply(
                    namespace, [an_upsert(f"{writer}"), an_upsert(f"{turn},{writer}")]
                )

        async def write_all() -> None:
            async with anyio.create_task_group() as writers:
                for writer in range(8):
                    writers.start_soon(write, writer)
            finished.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write_all)
            last = False
            while not last:
                last = finished.is_set()
                changes = await store.changes(token, [namespace], model_revision=REVISION)
                token = changes.token
                for row in changes.rows:
                    known[row.id] = max(row.version, known.get(row.id, 0))
                samples |= {s.position for s in changes.samples.get(namespace, ())}
        assert known == {row.id: row.version for row in await loaded(store, namespace)}
        assert len(samples) == 8 * 8 * 2

    async def test_loading_gives_every_live_memory_once(self, store: Store, namespace: str) -> None:
        await store.apply(namespace, [an_upsert(f"{i}", importance=i) for i in range(1000)])
        await store.apply(namespace, [an_upsert(f"{i},1") for i in range(300)])
        await store.apply(namespace, [Delete(coordinate=at("5")), an_upsert("6", importance=-1)])
        rows = await loaded(store, namespace)
        assert len(rows) == len({row.id for row in rows}) == 1299
        assert not any(row.deleted for row in rows)
        assert {row.importance for row in rows if row.coordinate == at("6")} == {-1.0}
        assert await loaded(store, f"{namespace}-x") == []

    async def test_a_vector_is_given_only_for_its_model_and_version(
        self, store: Store, namespace: str
    ) -> None:
        async def vectors(revision: str) -> list[bool]:
            rows = await loaded(store, namespace, revision)
            changed = (await store.changes(token, [namespace], model_revision=revision)).rows
            return [row.vector is not None for row in (*rows, *changed)]

        token = await store.token()
        await store.apply(namespace, [an_upsert("1", model_revision="old")])
        assert await vectors("old") == [True, True]
        assert await vectors("new") == [False, False]
        await store.apply(namespace, [an_upsert("1", model_revision="new")])
        assert await vectors("old") == [False, False]
        assert await vectors("new") == [True, True]

    async def test_rows_by_id_are_those_of_the_feed(self, store: Store, namespace: str) -> None:
        token = await store.token()
        await store.apply(namespace, [an_upsert("1", vector=a_vector(2.0)), an_upsert("2")])
        await store.apply(namespace, [an_upsert("3"), Delete(coordinate=at("2"))])
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        asked = {row.id: row for row in changes.rows if row.coordinate != at("3")}
        rows = await store.view_rows(namespace, asked.keys(), model_revision=REVISION)
        assert {row.id for row in rows} == asked.keys()
        for row in rows:
            fed = asked[row.id]
            assert replace(row, vector=None) == replace(fed, vector=None)
            assert (row.vector is None) == (fed.vector is None) == row.deleted
            assert row.vector is None or np.array_equal(row.vector, a_vector(2.0))
        other = await store.view_rows(namespace, asked.keys(), model_revision="another")
        assert [row.vector for row in other] == [None, None]
        assert await store.view_rows(f"{namespace}-x", asked.keys(), model_revision="r") == []

    async def test_decay_tells_the_normaliser_nothing_and_a_restore_does(
        self, store: Store, namespace: str
    ) -> None:
        token = await store.token()
        events = (None, EventType.DECAYED, EventType.RESTORED)
        *_, done = [
            written(
                await store.apply(
                    namespace, [an_upsert("1", importance=float(n), stamp=Stamp(event=event))]
                )
            )
            for n, event in enumerate(events)
        ]
        samples, position = await store.samples(namespace, limit=9)
        assert ([s.importance for s in samples], position) == ([0.0, 2.0], done.position)
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        assert list(changes.samples[namespace]) == list(samples)

    async def test_the_last_importances_come_in_log_order(
        self, store: Store, namespace: str
    ) -> None:
        assert await store.samples(namespace, limit=5) == ([], 0)
        for i in range(8):
            await store.apply(namespace, [an_upsert(f"{i % 3}", importance=float(i))])
        gone = written(await store.apply(namespace, [Delete(coordinate=at("0"))]))
        samples, position = await store.samples(namespace, limit=5)
        assert [s.importance for s in samples] == [3.0, 4.0, 5.0, 6.0, 7.0]
        assert [s.position for s in samples] == sorted(s.position for s in samples)
        assert position == gone.position

    async def test_payloads_are_those_of_the_live_memories(
        self, store: Store, namespace: str
    ) -> None:
        done = written(await store.apply(namespace, [an_upsert("1", payload={"b": 1.0, "a": "ü"})]))
        await store.apply(namespace, [an_upsert("2")])
        await store.apply(namespace, [Delete(coordinate=at("2"))])
        batches: list[Sequence[tuple[UUID, int, str]]] = [
            batch async for batch in store.payloads(namespace)
        ]
        [[found]] = batches
        assert found == (done.id, 1, jsontext.dumps({"b": 1.0, "a": "ü"}).decode())
