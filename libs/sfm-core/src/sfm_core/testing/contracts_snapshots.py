"""What every LogIdentity does over its RecordStore; each implementation's tests inherit this."""

from typing import Protocol

from sfm_core.lexical.analysis import Analyzer
from sfm_core.model import Delete
from sfm_core.ports import ChangeFeed, LogIdentity, RecordStore
from sfm_core.recall.saved_views import fingerprint
from sfm_core.recall.view import View
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at


class Store(RecordStore, ChangeFeed, LogIdentity, Protocol):
    """All three over the same memories."""


class LogIdentityContract:
    async def test_an_identity_stays_while_memories_come_and_go(
        self, store: Store, namespace: str
    ) -> None:
        before = await store.identity(namespace)  # of a namespace nobody has written to
        await store.apply(namespace, [an_upsert("1")])
        assert before == await store.identity(namespace)
        await store.apply(namespace, [an_upsert("2"), Delete(coordinate=at("1"))])
        assert before == await store.identity(namespace) != ""

    async def test_a_view_that_caught_up_has_the_fingerprint_of_the_store(
        self, store: Store, namespace: str
    ) -> None:
        view = View(namespace, dim=4, analyzer=Analyzer())
        await store.apply(namespace, [an_upsert(f"{i}") for i in range(20)])
        token = await store.token()
        async for rows in store.load(namespace, model_revision=REVISION):
            view.apply(rows)
        first = await store.caught_up(namespace, token, model_revision=REVISION)
        assert first.fingerprint == fingerprint(view)
        assert first.fingerprint.count == 20
        await store.apply(namespace, [Delete(coordinate=at("3")), an_upsert("4"), an_upsert("99")])
        second = await store.caught_up(namespace, first.token, model_revision=REVISION)
        assert second.fingerprint != fingerprint(view)
        view.apply(second.rows)
        assert second.fingerprint == fingerprint(view)
        last = await store.caught_up(namespace, second.token, model_revision=REVISION)
        assert last.fingerprint == fingerprint(view)

    async def test_a_new_vector_of_the_same_version_is_caught_up_with(
        self, store: Store, namespace: str
    ) -> None:
        token = await store.token()
        await store.apply(namespace, [an_upsert("1", vector=a_vector(3.0))])
        found = await store.caught_up(namespace, token, model_revision=REVISION)
        assert [row.vector is not None for row in found.rows] == [True]

    async def test_an_empty_namespace_has_an_empty_fingerprint(
        self, store: Store, namespace: str
    ) -> None:
        token = await store.token()
        found = await store.caught_up(namespace, token, model_revision=REVISION)
        assert (found.rows, found.fingerprint.count, found.fingerprint.total) == ((), 0, 0)
