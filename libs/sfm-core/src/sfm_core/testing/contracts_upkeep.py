"""What upkeep asks of a store, whichever it is; each implementation's tests inherit this.

A subclass gives the fixtures `store`, where memories are written, and `upkeep`, over the same.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Protocol

import anyio
import pytest

from sfm_core.model import Access, Delete, EventType, Receipt, Stamp
from sfm_core.ports import AccessStore, JobLocks, ReceiptStore, RecordStore, UpkeepRows
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import an_upsert, at, written

__all__ = ["UpkeepContract", "UpkeepStore", "namespace"]

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW = NOW - 9 * DAY, NOW - 2 * DAY
DECAYED = EventType.DECAYED


class UpkeepStore(UpkeepRows, AccessStore, ReceiptStore, JobLocks, Protocol):
    """All of what upkeep asks."""


class UpkeepContract:
    async def test_what_has_expired_comes_with_the_first_to_expire_first(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str
    ) -> None:
        await store.apply(
            namespace,
            [
                an_upsert("1", expires_at=NOW),
                an_upsert("2", expires_at=NOW - DAY, pinned=True),
                an_upsert("3", expires_at=NOW + DAY),
                an_upsert("4"),
                an_upsert("5", expires_at=NOW - DAY),
            ],
        )
        await store.apply(namespace, [Delete(coordinate=at("5"))])
        due = await upkeep.expired(namespace, now=NOW, limit=9)
        assert [(one.coordinate.text, one.version) for one in due] == [("2", 1), ("1", 1)]
        assert len(await upkeep.expired(namespace, now=NOW, limit=1)) == 1
        assert await upkeep.count(namespace, now=NOW) == 2
        assert await upkeep.count("nobody-was-here", now=NOW) == 0

    async def test_only_what_may_decay_is_looked_at(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str
    ) -> None:
        stamp = Stamp(created_at=OLD, updated_at=OLD)
        payload = {"b": {"a": 1}, "a": None}
        await store.apply(
            namespace,
            [
                an_upsert("1", payload=payload, stamp=stamp, importance=3.0),
                an_upsert("2", payload=payload, stamp=stamp, pinned=True),
                an_upsert("3", payload=payload, stamp=stamp, importance=3.5),
                an_upsert("4", payload={"b": {"a": 1}}, stamp=stamp),
                an_upsert("5", payload=payload, stamp=stamp, expires_at=NOW),
                an_upsert("6", payload=payload, stamp=Stamp(created_at=OLD, updated_at=NEW)),
                an_upsert("7", payload=payload, stamp=stamp, occurred_at=NOW),
                an_upsert("8", payload=payload, stamp=stamp),
            ],
        )
        await store.apply(namespace, [Delete(coordinate=at("8"))])
        [aging] = await upkeep.agings(
            namespace,
            now=NOW,
            keys=["a", "c"],
            since=OLD,
            importance=3.0,
            after=None,
            limit=9,
        )
        assert (aging.coordinate, aging.version, aging.importance) == (at("1"), 1, 3.0)
        assert (aging.since, aging.keys) == (OLD, frozenset({"a"}))

    @pytest.mark.parametrize("said", [None, EventType.RESTORED])
    async def test_age_counts_from_the_last_saying_and_decay_is_none(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str, said: EventType | None
    ) -> None:
        for event, when in ((None, OLD - DAY), (said, OLD), (DECAYED, NEW), (DECAYED, NOW)):
            write = an_upsert("1", stamp=Stamp(event=event, updated_at=when))
            await store.apply(namespace, [write])
        await store.apply(
            namespace,
            [an_upsert("2", stamp=Stamp(created_at=OLD, updated_at=NEW), occurred_at=OLD)],
        )
        standings = await upkeep.standings(namespace, now=NOW, after=None, limit=9)
        assert [(s.since, s.last_at, s.version) for s in standings] == [
            (OLD, OLD, 4),
            (NEW, NEW, 1),
        ]
        agings = await upkeep.agings(
            namespace, now=NOW, keys=["a"], since=NOW, importance=math.inf, after=None, limit=9
        )
        assert [a.since for a in agings] == [OLD, NEW]

    async def test_pages_go_by_coordinate_and_leave_nothing_out(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str
    ) -> None:
        texts = sorted(["1", "10", "-2", "9", "1,5", "2"])
        await store.apply(namespace, [an_upsert(text) for text in texts])
        found, agings, after = [], [], None
        while page := await upkeep.standings(namespace, now=NOW, after=after, limit=4):
            found += [one.coordinate.text for one in page]
            after = page[-1].coordinate
        after = None
        while old := await upkeep.agings(
            namespace,
            now=NOW,
            keys=["a"],
            since=NOW,
            importance=math.inf,
            after=after,
            limit=4,
        ):
            agings += [one.coordinate.text for one in old]
            after = old[-1].coordinate
        assert found == texts
        assert agings == texts

    async def test_accesses_add_up_for_live_memories_only(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str
    ) -> None:
        stamp = Stamp(created_at=OLD, updated_at=OLD)
        one = written(await store.apply(namespace, [an_upsert("1", stamp=stamp)]))
        two = written(await store.apply(namespace, [an_upsert("2", stamp=stamp)]))
        await store.apply(namespace, [Delete(coordinate=at("2"))])
        await upkeep.add(namespace, [Access(id=one.id, hits=2, last_at=NEW)])
        await upkeep.add(
            namespace,
            [
                Access(id=two.id, hits=1, last_at=NEW),
                Access(id=one.id, hits=1, last_at=OLD - DAY),
            ],
        )
        assert await upkeep.counted(namespace, [one.id, two.id]) == {
            one.id: Access(id=one.id, hits=3, last_at=NEW)
        }
        assert await upkeep.counted("another", [one.id]) == {}
        [standing] = await upkeep.standings(namespace, now=NOW, after=None, limit=9)
        assert (standing.last_at, standing.since) == (NEW, OLD)

    async def test_the_counts_of_the_dead_are_swept(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str
    ) -> None:
        ids = [
            written(await store.apply(namespace, [an_upsert(text)])).id for text in ("1", "2", "3")
        ]
        await upkeep.add(namespace, [Access(id=id_, hits=1, last_at=NOW) for id_ in ids])
        await store.apply(namespace, [Delete(coordinate=at("1")), Delete(coordinate=at("3"))])
        assert await upkeep.sweep(namespace) == 2
        assert set(await upkeep.counted(namespace, ids)) == {ids[1]}
        assert await upkeep.sweep(namespace) == 0

    async def test_a_job_is_one_holders_until_its_block_ends(
        self, upkeep: UpkeepStore, namespace: str
    ) -> None:
        async with upkeep.held(namespace, "job") as first:
            async with upkeep.held(namespace, "job") as second:
                assert (first, second) == (True, False)
            async with upkeep.held(namespace, "job") as third:
                assert third is False
            async with upkeep.held(namespace, "other") as other:
                assert other is True
            async with upkeep.held(f"{namespace}x", "job") as elsewhere:
                assert elsewhere is True
        async with upkeep.held(namespace, "job") as again:
            assert again is True

    async def test_a_job_is_given_back_by_who_fails_or_is_cancelled(
        self, upkeep: UpkeepStore, namespace: str
    ) -> None:
        with pytest.raises(KeyError):
            async with upkeep.held(namespace, "job"):
                raise KeyError
        async with anyio.create_task_group() as tasks:
            inside = anyio.Event()

            async def holding() -> None:
                async with upkeep.held(namespace, "job"):
                    inside.set()
                    await anyio.sleep_forever()

            tasks.start_soon(holding)
            with anyio.fail_after(20):
                await inside.wait()
            tasks.cancel_scope.cancel()
        async with upkeep.held(namespace, "job") as again:
            assert again is True

    async def test_old_receipts_are_forgotten_and_others_stand(
        self, store: RecordStore, upkeep: UpkeepStore, namespace: str
    ) -> None:
        long_ago, later = datetime.now(UTC) - DAY, datetime.now(UTC) + DAY
        receipts = [Receipt(key=f"k{n}", fingerprint=b"f") for n in range(3)]
        for n, receipt in enumerate(receipts):
            await store.apply(namespace, [an_upsert(str(n))], receipt=receipt)
        while await upkeep.sweep_receipts(before=long_ago, limit=100):
            pass  # of other tests
        again = await store.apply(namespace, [an_upsert("0")], receipt=receipts[0])
        assert again.replayed
        old, swept = await upkeep.old_receipts(before=later), 0
        while gone := await upkeep.sweep_receipts(before=later, limit=2):
            assert gone <= 2
            swept += gone
        assert swept == old >= 3
        assert await upkeep.old_receipts(before=later) == 0
        for n, receipt in enumerate(receipts):
            anew = await store.apply(namespace, [an_upsert(str(n))], receipt=receipt)
            assert (anew.replayed, written(anew).version) == (False, 2)
