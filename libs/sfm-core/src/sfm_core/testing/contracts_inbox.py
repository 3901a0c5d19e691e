"""What every Inbox does; each implementation's tests inherit this.

A subclass gives the fixtures `store`, `inbox`, `log`, `links`, `digests` and `eraser`, over the
same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import anyio
import pytest

from sfm_core.coordinates import Coordinate, memory_id
from sfm_core.errors import InvalidInput, NotFound
from sfm_core.model import (
    Acceptance,
    Accepted,
    Arrival,
    Delete,
    EventType,
    Keep,
    LinkChange,
    LinkKey,
    NeighborQuery,
    PutLink,
    Stamp,
    Unlink,
    Upsert,
)
from sfm_core.ports import Digests, Eraser, EventLog, Inbox, LinkStore, RecordStore
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import REVISION, an_upsert, at, written

__all__ = ["InboxContract", "an_arrival", "namespace"]

NOW = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
SAID = datetime(2025, 1, 2, tzinfo=UTC)


def an_arrival(
    change: Upsert | Delete | LinkChange,
    *,
    event_id: UUID | None = None,
    at: datetime = SAID,
    taken_at: datetime | None = None,
    version: int | None = None,
    named: UUID | None = None,
) -> Arrival:
    return Arrival(
        event_id=event_id or uuid4(),
        at=at,
        taken_at=taken_at or at,
        change=change,
        version=version,
        named=named,
    )


def a_put(origin: str, target: str, weight: float = 1.0) -> PutLink:
    return PutLink(key=LinkKey(origin=at(origin), target=at(target)), weight=weight)


class InboxContract:
    async def test_an_arrival_is_a_memory_and_an_event_by_its_own_name(
        self, store: RecordStore, inbox: Inbox, log: EventLog, namespace: str
    ) -> None:
        arrival = an_arrival(an_upsert("1", payload={"a": 1}))
        assert await _accept(inbox, namespace, arrival) == [Accepted.APPLIED]
        [memory] = (await store.get(namespace, [at("1")])).values()
        assert (memory.version, memory.draft.payload) == (1, {"a": 1})
        assert (memory.created_at, memory.updated_at) == (SAID, SAID)
        [event] = (await log.page(namespace, after=0, limit=9)).events
        assert (event.event_id, event.type) == (arrival.event_id, EventType.CREATED)
        assert (event.position, event.memory) == (memory.position, memory)

    async def test_the_same_arrival_again_changes_nothing(
        self, store: RecordStore, inbox: Inbox, log: EventLog, namespace: str
    ) -> None:
        arrivals = [an_arrival(an_upsert("1", payload={"a": n})) for n in range(3)]
        assert await _accept(inbox, namespace, *arrivals) == [Accepted.APPLIED] * 3
        before = await log.page(namespace, after=0, limit=9)
        assert [event.type for event in before.events] == [
            EventType.CREATED,
            EventType.UPDATED,
            EventType.UPDATED,
        ]
        again = [*reversed(arrivals), *arrivals]
        assert await _accept(inbox, namespace, *again) == [Accepted.KNOWN] * 6
        assert await log.page(namespace, after=0, limit=9) == before
        [memory] = (await store.get(namespace, [at("1")])).values()
        assert (memory.version, memory.draft.payload) == (3, {"a": 2})

    async def test_who_finds_a_memory_there_is_told_of_its_event(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        born, end = an_arrival(an_upsert("1")), an_arrival(Delete(coordinate=at("1")))
        await _accept(inbox, namespace, born)
        kept = written(await store.apply(namespace, [Keep(coordinate=at("1"))]))
        await _accept(inbox, namespace, end)
        gone = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        assert (kept.event_id, gone.event_id) == (born.event_id, end.event_id)
        assert not gone.changed

    async def test_the_same_arrival_twice_in_one_batch_is_applied_once(
        self, inbox: Inbox, namespace: str
    ) -> None:
        arrival = an_arrival(an_upsert("1"))
        assert await _accept(inbox, namespace, arrival, arrival) == [
            Accepted.APPLIED,
            Accepted.KNOWN,
        ]

    async def test_what_the_log_holds_of_our_own_is_known(
        self, store: RecordStore, inbox: Inbox, log: EventLog, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        [event] = (await log.page(namespace, after=0, limit=9)).events
        arrival = an_arrival(Delete(coordinate=at("1")), event_id=event.event_id)
        assert await _accept(inbox, namespace, arrival) == [Accepted.KNOWN]
        assert await store.get(namespace, [at("1")])

    async def test_arrivals_at_once_in_two_batches_are_applied_once(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        arrivals = [an_arrival(an_upsert(f"{n % 4}")) for n in range(12)]
        found: list[Acceptance] = []

        async def one() -> None:
            found.extend(await _accept(inbox, namespace, *arrivals))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(one)
        assert found.count(Accepted.APPLIED) == 12
        memories = await store.get(namespace, [at(f"{n}") for n in range(4)])
        assert [memory.version for memory in memories.values()] == [3] * 4

    @pytest.mark.parametrize("order", [(2, 5, 9), (9, 5, 2), (5, 9, 2)])
    async def test_of_versions_the_highest_stays_in_any_order(
        self, store: RecordStore, inbox: Inbox, namespace: str, order: Sequence[int]
    ) -> None:
        for version in order:
            change = an_upsert("1", payload={"version": version})
            await _accept(inbox, namespace, an_arrival(change, version=version))
        [memory] = (await store.get(namespace, [at("1")])).values()
        assert (memory.version, memory.draft.payload) == (9, {"version": 9})

    async def test_a_version_that_is_stored_already_is_stale(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("1")])
        for version, found in ((1, Accepted.STALE), (2, Accepted.STALE), (3, Accepted.APPLIED)):
            arrival = an_arrival(an_upsert("1", payload={"v": version}), version=version)
            assert await _accept(inbox, namespace, arrival) == [found]
        assert await store.last_version(namespace, at("1")) == 3

    @pytest.mark.parametrize("batched", [True, False])
    async def test_an_end_that_comes_before_what_it_ends_keeps_it_out(
        self, store: RecordStore, inbox: Inbox, log: EventLog, namespace: str, batched: bool
    ) -> None:
        end = an_arrival(Delete(coordinate=at("1")), version=4)
        late = an_arrival(an_upsert("1"), version=3)
        if batched:
            found = await _accept(inbox, namespace, end, late)
        else:
            found = [
                *await _accept(inbox, namespace, end),
                *await _accept(inbox, namespace, late),
            ]
        assert found == [Accepted.APPLIED, Accepted.STALE]
        assert await store.get(namespace, [at("1")]) == {}
        assert await store.last_version(namespace, at("1")) == 4
        [event] = (await log.page(namespace, after=0, limit=9)).events
        assert (event.type, event.event_id, event.memory) == (
            EventType.DELETED,
            end.event_id,
            None,
        )

    async def test_a_higher_end_raises_a_tombstone(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        for version in (2, 7):
            await _accept(inbox, namespace, an_arrival(Delete(coordinate=at("1")), version=version))
        found = await _accept(inbox, namespace, an_arrival(an_upsert("1"), version=5))
        assert found == [Accepted.STALE]
        assert await store.last_version(namespace, at("1")) == 7

    async def test_an_end_without_effect_does_not_take_effect_when_it_comes_again(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        """Else a replay from the start would end what came after it."""
        end = an_arrival(Delete(coordinate=at("1")))
        assert await _accept(inbox, namespace, end) == [Accepted.APPLIED]
        await _accept(inbox, namespace, an_arrival(an_upsert("1")))
        assert await _accept(inbox, namespace, end) == [Accepted.KNOWN]
        assert await store.get(namespace, [at("1")])

    async def test_a_stamp_names_the_event(
        self, inbox: Inbox, log: EventLog, namespace: str
    ) -> None:
        await _accept(
            inbox,
            namespace,
            an_arrival(an_upsert("1", stamp=Stamp(event=EventType.RESTORED))),
            an_arrival(Delete(coordinate=at("1"), stamp=Stamp(event=EventType.EXPIRED))),
        )
        events = (await log.page(namespace, after=0, limit=9)).events
        assert [event.type for event in events] == [EventType.RESTORED, EventType.EXPIRED]

    async def test_times_never_go_back_nor_ahead(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        late = NOW + timedelta(days=1)
        await _accept(inbox, namespace, an_arrival(an_upsert("1"), at=late))
        await _accept(inbox, namespace, an_arrival(an_upsert("1"), at=SAID))
        [memory] = (await store.get(namespace, [at("1")])).values()
        assert (memory.created_at, memory.updated_at) == (NOW, NOW)

    async def test_what_expired_begins_a_new_life(
        self, store: RecordStore, inbox: Inbox, log: EventLog, namespace: str
    ) -> None:
        past = an_upsert("1", expires_at=NOW - timedelta(days=1))
        await _accept(inbox, namespace, an_arrival(past))
        born = SAID + timedelta(days=1)
        await _accept(inbox, namespace, an_arrival(an_upsert("1"), at=born))
        [memory] = (await store.get(namespace, [at("1")])).values()
        assert (memory.version, memory.created_at) == (2, born)
        events = (await log.page(namespace, after=0, limit=9)).events
        assert [event.type for event in events] == [EventType.CREATED, EventType.CREATED]

    async def test_an_id_of_a_memory_names_it_wherever_it_is(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        await store.apply(namespace, [Delete(coordinate=at("2"))])
        ours = [memory_id(namespace, at(text)) for text in ("1", "2")]
        change = an_upsert("7,7,7,7", payload={"said": "again"})
        await _accept(inbox, namespace, *(an_arrival(change, named=named) for named in ours))
        await _accept(inbox, namespace, an_arrival(change, named=uuid4()))
        found = await store.get(namespace, [at("1"), at("2"), at("7,7,7,7")])
        assert {place.text: memory.version for place, memory in found.items()} == {
            "1": 2,
            "2": 3,
            "7,7,7,7": 1,
        }

    async def test_an_id_names_the_memory_that_the_same_batch_makes(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        made = an_arrival(an_upsert("1"))
        ended = an_arrival(Delete(coordinate=at("7,7")), named=memory_id(namespace, at("1")))
        await _accept(inbox, namespace, made, ended)
        assert await store.get(namespace, [at("1")]) == {}
        assert await store.last_version(namespace, at("7,7")) == 0

    async def test_a_vector_stays_with_the_version_it_is_of(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        bare = replace(an_upsert("1", text="later"), vector=None, model_revision=None)
        await _accept(inbox, namespace, an_arrival(an_upsert("1")), an_arrival(bare))
        named = [memory_id(namespace, at("1"))]
        [row] = await store.view_rows(namespace, named, model_revision=REVISION)
        assert (row.version, row.text, row.vector) == (2, "later", None)

    async def test_a_copy_of_an_event_in_the_log_is_known(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        ours = written(await store.apply(namespace, [an_upsert("1")]))
        copied = replace(an_arrival(Delete(coordinate=at("1"))), copy_of=ours.event_id)
        assert await _accept(inbox, namespace, copied) == [Accepted.KNOWN]

    async def test_nothing_of_before_an_erasure_comes_back(
        self, store: RecordStore, inbox: Inbox, eraser: Eraser, namespace: str
    ) -> None:
        before = datetime.now(UTC) - timedelta(seconds=1)
        arrival = an_arrival(an_upsert("1"), at=before)
        assert await _accept(inbox, namespace, arrival) == [Accepted.APPLIED]
        erased = await eraser.erase(namespace)
        later = erased.at + timedelta(microseconds=1)
        replayed = [
            arrival,
            an_arrival(an_upsert("2"), at=before),
            an_arrival(an_upsert("3"), at=erased.at),
            an_arrival(an_upsert("4"), at=later, taken_at=before),
            an_arrival(an_upsert("5"), at=before, taken_at=later),
            an_arrival(Delete(coordinate=at("6")), at=before),
            an_arrival(a_put("1", "2"), at=before),
        ]
        assert await _accept(inbox, namespace, *replayed) == [Accepted.STALE] * len(replayed)
        assert (await store.stats(namespace)).total == 0
        new = an_arrival(an_upsert("1"), at=later)
        assert await _accept(inbox, namespace, new) == [Accepted.APPLIED]

    async def test_links_take_effect_once_and_in_the_order_of_versions(
        self, store: RecordStore, inbox: Inbox, links: LinkStore, log: EventLog, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        end = Unlink(key=a_put("1", "2").key)
        early, late = an_arrival(end, version=6), an_arrival(a_put("1", "2", 0.5), version=5)
        assert await _accept(inbox, namespace, early, late) == [Accepted.APPLIED, Accepted.STALE]
        put = an_arrival(a_put("1", "2", 0.25), version=9)
        same = an_arrival(a_put("1", "2", 0.25))
        assert await _accept(inbox, namespace, put, same, put) == [
            Accepted.APPLIED,
            Accepted.APPLIED,
            Accepted.KNOWN,
        ]
        page = await links.neighbors(
            namespace, memory_id(namespace, at("1")), NeighborQuery(), now=NOW
        )
        assert [(one.weight, one.version) for one in page.neighbors] == [(0.25, 10)]
        events = (await log.page(namespace, after=0, limit=9)).events[2:]
        assert [(e.type, e.version, e.event_id) for e in events] == [
            (EventType.UNLINKED, 6, early.event_id),
            (EventType.LINKED, 9, put.event_id),
            (EventType.LINKED, 10, same.event_id),
        ]

    async def test_a_link_may_be_of_memories_of_the_same_batch(
        self, inbox: Inbox, links: LinkStore, namespace: str
    ) -> None:
        found = await _accept(
            inbox,
            namespace,
            an_arrival(an_upsert("1")),
            an_arrival(an_upsert("2")),
            an_arrival(a_put("1", "2")),
            an_arrival(Delete(coordinate=at("2"))),
        )
        assert found == [Accepted.APPLIED] * 4
        assert [page async for page in links.all(namespace)] == []

    async def test_one_that_fails_leaves_nothing_of_its_batch(
        self, store: RecordStore, inbox: Inbox, digests: Digests, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        before = await digests.memories(namespace)
        good, bad = an_arrival(an_upsert("2")), an_arrival(a_put("1", "3"))
        first, second = await _accept(inbox, namespace, good, bad)
        assert first is Accepted.APPLIED
        assert isinstance(second, NotFound)
        assert "3" in second.detail
        assert await digests.memories(namespace) == before
        assert await _accept(inbox, namespace, good) == [Accepted.APPLIED]

    async def test_what_no_store_can_hold_is_refused(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        bad = [an_upsert("1", text="a\x00b"), an_upsert("1", payload={"a": "\ud800"})]
        for change in bad:
            with pytest.raises(InvalidInput):
                await _accept(inbox, namespace, an_arrival(change))
        assert await store.get(namespace, [at("1")]) == {}

    async def test_a_namespace_does_not_see_the_events_of_another(
        self, store: RecordStore, inbox: Inbox, namespace: str
    ) -> None:
        arrival = an_arrival(an_upsert("1"))
        other = f"{namespace}-b"
        assert await _accept(inbox, namespace, arrival) == [Accepted.APPLIED]
        assert await _accept(inbox, other, arrival) == [Accepted.APPLIED]
        assert await store.get(other, [Coordinate("1")])


async def _accept(inbox: Inbox, namespace: str, *arrivals: Arrival) -> Sequence[Acceptance]:
    return await inbox.accept(namespace, arrivals, now=NOW)
