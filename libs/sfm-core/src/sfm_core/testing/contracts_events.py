"""What every EventLog does; each implementation's tests inherit this.

A subclass gives the fixtures `store`, where memories are written, and `log`, over the same.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from sfm_core.model import Delete, Event, EventType, Kind, Stamp
from sfm_core.ports import EventLog, RecordStore
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import an_upsert, at, written

__all__ = ["EventLogContract", "namespace"]


class EventLogContract:
    async def test_what_was_never_stored_has_no_history(
        self, log: EventLog, namespace: str
    ) -> None:
        assert list((await log.history(namespace, at("1"), limit=10)).events) == []
        assert await log.at_version(namespace, at("1"), 1) is None

    async def test_the_history_holds_every_version_newest_first(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        done = [
            written(await store.apply(namespace, [write]))
            for write in (
                an_upsert("1", payload={"n": 1}),
                an_upsert("2", payload={"n": 0}),
                an_upsert("1", payload={"n": 2}),
                Delete(coordinate=at("1")),
                an_upsert("1", payload={"n": 4}, stamp=Stamp(event=EventType.RESTORED)),
            )
        ]
        found = (await log.history(namespace, at("1"), limit=10)).events
        assert [event.version for event in found] == [4, 3, 2, 1]
        assert [event.type for event in found] == ["restored", "deleted", "updated", "created"]
        assert [e.memory and e.memory.draft.payload["n"] for e in found] == [4, None, 2, 1]
        mine = [one for one in done if one.coordinate == at("1")][::-1]
        assert [(e.event_id, e.position, e.at) for e in found] == [
            (one.event_id, one.position, one.at) for one in mine
        ]
        assert {(e.namespace, e.coordinate, e.memory_id) for e in found} == {
            (namespace, at("1"), mine[0].id)
        }

    @pytest.mark.parametrize(
        "draft",
        [
            {},
            {
                "payload": {
                    "z": 1,
                    "a": [1.0, -0.0, 1e308, 5e-324, 2**63 - 1, -(2**63), 0.1],
                    "é\u2028😀": {"y": None, "b": [True, [], {}]},
                    "": '\\u0000 \\ " \u007f',
                },
                "kind": Kind.SEMANTIC,
                "text": "said",
                "importance": -1e300,
                "tags": ("b", "a", "ü", 'x"y\\'),
                "session": "s",
                "source": "w",
                "occurred_at": datetime(1, 5, 8, 13, 56, 0, 123457, tzinfo=UTC),
                "expires_at": datetime(9999, 5, 8, 13, 56, tzinfo=UTC),
                "pinned": True,
            },
        ],
    )
    async def test_a_version_is_exactly_the_memory_that_stood_then(
        self, store: RecordStore, log: EventLog, namespace: str, draft: dict[str, Any]
    ) -> None:
        await store.apply(namespace, [an_upsert("1,-2.5", **draft)])
        stood = (await store.get(namespace, [at("1,-2.5")]))[at("1,-2.5")]
        await store.apply(namespace, [an_upsert("1,-2.5", payload={"other": 1})])
        await store.apply(namespace, [Delete(coordinate=at("1,-2.5"))])
        event = await log.at_version(namespace, at("1,-2.5"), 1)
        assert event is not None
        assert event.memory == stood
        assert repr(event.memory.draft.payload) == repr(stood.draft.payload)

    async def test_the_history_comes_in_pages(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        for _ in range(5):
            await store.apply(namespace, [an_upsert("1")])
        first = (await log.history(namespace, at("1"), limit=2)).events
        second = (await log.history(namespace, at("1"), limit=2, before=first[-1].version)).events
        last = (await log.history(namespace, at("1"), limit=2, before=second[-1].version)).events
        none = (await log.history(namespace, at("1"), limit=2, before=last[-1].version)).events
        assert [[e.version for e in page] for page in (first, second, last, none)] == [
            [5, 4], [3, 2], [1], [],
        ]  # fmt: skip

    async def test_a_version_that_was_skipped_is_none(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        await store.apply(namespace, [an_upsert("1", stamp=Stamp(version=7))])
        assert await log.at_version(namespace, at("1"), 3) is None
        assert [e.version for e in (await log.history(namespace, at("1"), limit=9)).events] == [
            7,
            1,
        ]

    async def test_an_end_is_an_event_without_a_memory(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        expire = Delete(coordinate=at("1"), stamp=Stamp(event=EventType.EXPIRED))
        await store.apply(namespace, [expire])
        event = await log.at_version(namespace, at("1"), 2)
        assert event is not None
        assert (event.type, event.memory) == (EventType.EXPIRED, None)

    async def test_another_namespace_has_another_history(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        other = f"{namespace}-b"
        await store.apply(other, [an_upsert("1"), an_upsert("1")])
        assert len((await log.history(namespace, at("1"), limit=9)).events) == 1
        assert len((await log.history(other, at("1"), limit=9)).events) == 2
        assert await log.at_version(namespace, at("1"), 2) is None

    async def test_pages_give_every_event_once_in_the_order_of_the_log(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        empty = await log.page(namespace, after=0, limit=10)
        assert (empty.events, empty.position, empty.more) == ((), 0, False)
        done = [written(await store.apply(namespace, [an_upsert(str(n % 3))])) for n in range(5)]
        done.append(written(await store.apply(namespace, [Delete(coordinate=at("1"))])))
        await store.apply(f"{namespace}-b", [an_upsert("1")])
        found, after, more = list[Event](), 0, True
        while more:
            page = await log.page(namespace, after=after, limit=4)
            found += page.events
            after, more = page.position, page.more
        assert [(e.position, e.event_id, e.type, e.version, e.at) for e in found] == [
            (one.position, one.event_id, one.type, one.version, one.at) for one in done
        ]
        assert after == done[-1].position
        assert {event.namespace for event in found} == {namespace}
        assert [event.memory is None for event in found] == [False] * 5 + [True]

    async def test_a_page_from_the_end_is_empty_and_stays_there(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        last = written(await store.apply(namespace, [an_upsert("1")])).position
        page = await log.page(namespace, after=last, limit=4)
        assert (page.events, page.position, page.more) == ((), last, False)
        exact = await log.page(namespace, after=0, limit=1)
        assert (len(exact.events), exact.more) == (1, False)
        beyond = await log.page(namespace, after=2**62, limit=4)
        assert (beyond.events, beyond.position) == ((), 2**62)
