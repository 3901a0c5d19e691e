"""What a stamped write does, in every RecordStore."""

from datetime import UTC, datetime

import pytest

from sfm_core.coordinates import event_id
from sfm_core.model import Delete, EventType, Stamp
from sfm_core.ports import RecordStore
from sfm_core.testing.writes import REVISION, an_upsert, at, written

BORN = datetime(2024, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
CHANGED = datetime(2024, 5, 6, tzinfo=UTC)


class StampContract:
    @pytest.mark.parametrize("event", [EventType.RESTORED, EventType.DECAYED])
    async def test_a_stamp_names_the_event(
        self, store: RecordStore, namespace: str, event: EventType
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        done = written(await store.apply(namespace, [an_upsert("1", stamp=Stamp(event=event))]))
        assert (done.type, done.version) == (event, 2)
        assert done.event_id == event_id(done.id, 2, event)

    async def test_a_stamp_brings_times_and_version(
        self, store: RecordStore, namespace: str
    ) -> None:
        stamp = Stamp(created_at=BORN, updated_at=CHANGED, version=7)
        done = written(await store.apply(namespace, [an_upsert("1", stamp=stamp)]))
        assert (done.version, done.at, done.created_at) == (7, CHANGED, BORN)
        [memory] = (await store.get(namespace, [at("1")])).values()
        assert (memory.version, memory.updated_at, memory.created_at) == (7, CHANGED, BORN)
        [row] = await store.view_rows(namespace, [done.id], model_revision=REVISION)
        assert row.vector is not None
        assert (row.version, row.updated_at, row.created_at) == (7, CHANGED, BORN)

    async def test_a_version_never_goes_back(self, store: RecordStore, namespace: str) -> None:
        await store.apply(namespace, [an_upsert("1", stamp=Stamp(version=7))])
        done = written(await store.apply(namespace, [an_upsert("1", stamp=Stamp(version=3))]))
        assert done.version == 8

    async def test_times_of_a_place_never_go_back(self, store: RecordStore, namespace: str) -> None:
        late = datetime(2999, 1, 1, tzinfo=UTC)
        await store.apply(
            namespace, [an_upsert("1", stamp=Stamp(created_at=late, updated_at=late))]
        )
        for write in (an_upsert("1"), Delete(coordinate=at("1")), an_upsert("1")):
            done = written(await store.apply(namespace, [write]))
            assert done.at >= late
            assert done.created_at >= late

    async def test_an_expired_memory_is_a_tombstone(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        expire = Delete(coordinate=at("1"), stamp=Stamp(event=EventType.EXPIRED))
        outcomes = (await store.apply(namespace, [expire, Delete(coordinate=at("2"))])).outcomes
        assert [o.type for o in outcomes if not isinstance(o, Exception)] == [
            EventType.EXPIRED,
            EventType.DELETED,
        ]
        assert await store.get(namespace, [at("1"), at("2")]) == {}
        again = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        assert (again.changed, again.type) == (False, EventType.EXPIRED)
