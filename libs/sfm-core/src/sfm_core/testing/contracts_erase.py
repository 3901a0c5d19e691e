"""What every Eraser does; each implementation's tests inherit this.

A subclass gives the fixtures `store`, `links`, `log` and `eraser` over the same.
"""

import pytest

from sfm_core.errors import Conflict
from sfm_core.model import Delete, EventType, LinkKey, PutLink, Receipt
from sfm_core.ports import Eraser, EventLog, LinkStore, RecordStore
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import an_upsert, at, written

__all__ = ["EraserContract", "namespace"]


class EraserContract:
    async def test_everything_goes_and_is_counted(
        self,
        store: RecordStore,
        links: LinkStore,
        log: EventLog,
        eraser: Eraser,
        namespace: str,
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"f")
        await store.apply(namespace, [an_upsert("1"), an_upsert("2"), an_upsert("3")])
        await store.apply(namespace, [an_upsert("1")], receipt=receipt)
        await store.apply(namespace, [Delete(coordinate=at("3"))])
        await links.apply(namespace, [PutLink(key=LinkKey(origin=at("1"), target=at("2")))])
        other = f"{namespace}-b"
        await store.apply(other, [an_upsert("1")])

        assert await eraser.last(namespace) == 0
        erased = await eraser.erase(namespace)
        assert await eraser.last(namespace) == erased.position
        assert await eraser.last(other) == 0
        counts = {one.store: (one.removed, one.left) for one in erased.stores}
        assert counts == {
            "memories": (3, 0),
            "vectors": (2, 0),
            "events": (6, 0),
            "links": (1, 0),
            "receipts": (1, 0),
            "accesses": (0, 0),
            "importances": (0, 0),
            "wal": (0, 0),
        }
        assert await store.get(namespace, [at("1"), at("2")]) == {}
        assert await store.last_version(namespace, at("1")) == 0
        assert [one async for page in links.all(namespace) for one in page] == []
        assert await store.namespaces() == sorted({*await store.namespaces()} - {namespace})
        stats = await store.stats(namespace)
        assert (stats.total, stats.deleted, stats.links, stats.vectors) == (0, 0, 0, 0)
        assert (await store.stats(other)).total == 1

        [told] = (await log.page(namespace, after=0, limit=9)).events
        assert (told.type, told.event_id) == (EventType.ERASED, erased.event_id)
        assert (told.position, told.at) == (erased.position, erased.at)
        assert (told.memory, told.version) == (None, erased.generation)
        assert told.removed == {name: removed for name, (removed, _) in counts.items()}

    async def test_what_was_begun_before_is_not_written_after(
        self, store: RecordStore, log: EventLog, eraser: Eraser, namespace: str
    ) -> None:
        for _ in range(2):  # of a namespace nobody wrote to, and of one that was erased before
            noted = await store.generation(namespace)
            await eraser.erase(namespace)
            with pytest.raises(Conflict, match="erased"):
                await store.apply(
                    namespace,
                    [an_upsert("1")],
                    receipt=Receipt(key="k", fingerprint=b"f"),
                    generation=noted,
                )
            assert (await store.stats(namespace)).total == 0
        events = (await log.page(namespace, after=0, limit=9)).events
        assert [event.type for event in events] == [EventType.ERASED, EventType.ERASED]

    async def test_what_is_begun_afterwards_begins_anew(
        self, store: RecordStore, eraser: Eraser, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"f")
        first = await store.apply(namespace, [an_upsert("1"), an_upsert("1")], receipt=receipt)
        assert first.generation == await store.generation(namespace) == 1
        erased = await eraser.erase(namespace)
        assert erased.generation == await store.generation(namespace) == 2
        anew = await store.apply(namespace, [an_upsert("1")], receipt=receipt, generation=2)
        assert (anew.generation, anew.replayed, written(anew).version) == (2, False, 1)
        assert written(anew).position > erased.position

    async def test_erasing_again_finds_nothing_and_keeps_what_was_said(
        self, store: RecordStore, log: EventLog, eraser: Eraser, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        await eraser.erase(namespace)
        again = await eraser.erase(namespace)
        assert {one.removed for one in again.stores} == {0}
        events = (await log.page(namespace, after=0, limit=9)).events
        assert [event.version for event in events] == [2, 3]
        assert events[0].removed is not None
        assert events[0].removed["memories"] == 1

    async def test_the_feed_tells_the_generation(
        self, store: RecordStore, eraser: Eraser, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        feed = store
        token = await feed.token()  # type: ignore[attr-defined]  # one object is both ports
        await eraser.erase(namespace)
        found = await feed.changes(token, [namespace], model_revision="r")  # type: ignore[attr-defined]
        assert found.generations == {namespace: 2}
