"""What every RecordStore and VectorMender does with memories that have no vector yet.

A subclass gives the fixtures `store` and `digests` over the same.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from sfm_core.ports import ChangeFeed, RecordStore, VectorMender
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at, written

__all__ = ["UnembeddedContract", "namespace"]


class FedStore(RecordStore, ChangeFeed, Protocol):
    """One adapter is both."""


BARE = replace(an_upsert("1"), vector=None, model_revision=None)


class UnembeddedContract:
    async def test_a_memory_without_a_vector_is_stored_and_its_row_says_so(
        self, store: RecordStore, namespace: str
    ) -> None:
        done = written(await store.apply(namespace, [BARE]))
        assert (await store.get(namespace, [at("1")]))[at("1")].version == 1
        [row] = await store.view_rows(namespace, [done.id], model_revision=REVISION)
        assert (row.version, row.text, row.vector) == (1, BARE.text, None)
        stats = await store.stats(namespace)
        assert (stats.total, stats.vectors, stats.pending_index) == (1, 0, 1)

    async def test_a_vector_that_follows_is_that_version_s(
        self, store: RecordStore, digests: VectorMender, namespace: str
    ) -> None:
        done = written(await store.apply(namespace, [BARE]))
        given = [(done.id, 1, a_vector(3.0))]
        assert await digests.put_vectors(namespace, given, model_revision=REVISION) == 1
        [row] = await store.view_rows(namespace, [done.id], model_revision=REVISION)
        assert row.vector is not None
        assert np.array_equal(row.vector, a_vector(3.0))

    async def test_the_vector_of_an_earlier_version_stands_for_no_later_one(
        self, store: RecordStore, digests: VectorMender, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        done = written(await store.apply(namespace, [BARE]))
        [row] = await store.view_rows(namespace, [done.id], model_revision=REVISION)
        assert (row.version, row.vector) == (2, None)
        late = [(done.id, 1, a_vector(3.0))]
        assert await digests.put_vectors(namespace, late, model_revision=REVISION) == 0

    async def test_the_feed_brings_the_vector_when_it_comes(
        self, store: FedStore, digests: VectorMender, namespace: str
    ) -> None:
        done = written(await store.apply(namespace, [BARE]))
        token = await store.token()
        given = [(done.id, 1, a_vector(3.0))]
        await digests.put_vectors(namespace, given, model_revision=REVISION)
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        assert [row.id for row in changes.rows if row.vector is not None] == [done.id]
