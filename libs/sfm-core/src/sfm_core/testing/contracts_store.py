"""What every RecordStore does; each implementation's tests inherit this.

A subclass gives the fixture `store`, empty or shared: every test has a namespace of its own.
"""

import math
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import anyio
import pytest

from sfm_core.coordinates import Coordinate, event_id, memory_id
from sfm_core.errors import InvalidInput, NotFound, PreconditionFailed
from sfm_core.model import (
    Delete,
    EventType,
    Kind,
    ListQuery,
    Memory,
    Precondition,
    Receipt,
    StoreStats,
    Write,
    Written,
)
from sfm_core.ports import RecordStore
from sfm_core.testing.contracts_conditions import PreconditionContract, ReceiptContract
from sfm_core.testing.contracts_reads import ListingContract, ReadingContract, listed
from sfm_core.testing.contracts_stamps import StampContract
from sfm_core.testing.writes import an_upsert, at, written

WAIT_S = 20.0


@pytest.fixture
def namespace() -> str:
    """A namespace nobody wrote to."""
    return f"t-{uuid4().hex}"


class WritingContract:
    async def test_a_memory_comes_back_exactly_as_it_was_stored(
        self, store: RecordStore, namespace: str
    ) -> None:
        upsert = an_upsert(
            "1,2.5,-3",
            payload={
                "z": 1,
                "a": [1.0, -0.0, 1e308, 5e-324, 2**63 - 1, -(2**63), 0.1],
                "é\u2028😀": {"y": None, "b": [True, [], {}]},
                "": '\\u0000 \\ " \u007f',
            },
            kind=Kind.SEMANTIC,
            text="said",
            importance=-1e300,
            tags=("b", "a", "ü"),
            session="s",
            source="w",
            occurred_at=datetime(2023, 5, 8, 13, 56, 0, 123457, tzinfo=UTC),
            expires_at=datetime(2999, 1, 1, tzinfo=UTC),
            pinned=True,
        )
        done = written(await store.apply(namespace, [upsert]))
        [found] = (await store.get(namespace, [upsert.coordinate])).values()
        assert found == Memory(
            namespace=namespace,
            coordinate=upsert.coordinate,
            id=memory_id(namespace, upsert.coordinate),
            version=1,
            position=done.position,
            draft=upsert.draft,
            text=upsert.text,
            created_at=done.at,
            updated_at=done.at,
        )
        assert list(found.draft.payload) == list(upsert.draft.payload)
        numbers = found.draft.payload["a"]
        assert isinstance(numbers, list)
        assert [type(n) for n in numbers] == [float, float, float, float, int, int, float]
        assert math.copysign(1.0, numbers[1]) == -1.0
        assert found.created_at.utcoffset() == timedelta(0)

    async def test_text_that_was_not_given_stays_not_given(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", payload={"a": "derived"})])
        [found] = (await store.get(namespace, [at("1")])).values()
        assert (found.draft.text, found.text) == (None, "derived")

    async def test_storing_again_updates_and_keeps_the_time_of_creation(
        self, store: RecordStore, namespace: str
    ) -> None:
        first = written(await store.apply(namespace, [an_upsert("1")]))
        second = written(await store.apply(namespace, [an_upsert("1", payload={"b": 2})]))
        assert (first.type, second.type) == (EventType.CREATED, EventType.UPDATED)
        assert (first.version, second.version) == (1, 2)
        assert second.position > first.position
        assert second.created_at == first.created_at
        assert second.at >= first.at
        assert second.event_id == event_id(first.id, 2, EventType.UPDATED)

    async def test_64_stores_at_once_to_one_coordinate_leave_no_gap_and_no_duplicate(
        self, store: RecordStore, namespace: str
    ) -> None:
        done: list[Written] = []

        async def put(i: int) -> None:
            done.append(written(await store.apply(namespace, [an_upsert("7", payload={"i": i})])))

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                for i in range(64):
                    tasks.start_soon(put, i)
        by_version = sorted(done, key=lambda w: w.version)
        assert [w.version for w in by_version] == list(range(1, 65))
        positions = [w.position for w in by_version]
        assert positions == sorted(set(positions))
        assert [w.created for w in by_version] == [True] + [False] * 63

    async def test_64_stores_at_once_to_different_coordinates_all_survive(
        self, store: RecordStore, namespace: str
    ) -> None:
        async with anyio.create_task_group() as tasks:
            for i in range(64):
                tasks.start_soon(store.apply, namespace, [an_upsert(f"{i},1")])
        found = await store.get(namespace, [at(f"{i},1") for i in range(64)])
        assert len(found) == 64
        assert len({memory.position for memory in found.values()}) == 64

    async def test_batches_over_the_same_coordinates_in_any_order_do_not_block_each_other(
        self, store: RecordStore, namespace: str
    ) -> None:
        names = [f"{i}" for i in range(20)]
        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                for turn in range(12):
                    order = names[turn:] + names[:turn] if turn % 2 else names[::-1]
                    writes = [an_upsert(name) for name in order]
                    tasks.start_soon(store.apply, namespace, writes)
                    tasks.start_soon(store.apply, namespace, [an_upsert(names[turn])])
        found = await store.get(namespace, [at(name) for name in names])
        assert sum(memory.version for memory in found.values()) == 12 * 20 + 12

    async def test_a_batch_takes_its_positions_and_its_listing_in_the_given_order(
        self, store: RecordStore, namespace: str
    ) -> None:
        names = [f"{i * 7919 % 100}" for i in range(100)]
        applied = await store.apply(namespace, [an_upsert(name) for name in names])
        positions = [o.position for o in applied.outcomes if isinstance(o, Written)]
        assert positions == sorted(set(positions))
        assert len(positions) == 100
        memories = await listed(store, namespace, ListQuery(limit=30))
        assert [memory.coordinate.text for memory in memories] == names

    async def test_the_same_coordinate_twice_in_one_call_is_written_in_order(
        self, store: RecordStore, namespace: str
    ) -> None:
        applied = await store.apply(
            namespace,
            [
                an_upsert("1", payload={"n": 1}),
                an_upsert("2"),
                an_upsert("1", payload={"n": 2}),
                Delete(coordinate=at("1")),
                an_upsert("1", payload={"n": 3}),
            ],
        )
        outcomes = [o for o in applied.outcomes if isinstance(o, Written)]
        assert [(o.version, o.type) for o in outcomes] == [
            (1, EventType.CREATED),
            (1, EventType.CREATED),
            (2, EventType.UPDATED),
            (3, EventType.DELETED),
            (4, EventType.CREATED),
        ]
        [found] = (await store.get(namespace, [at("1")])).values()
        assert found.draft.payload == {"n": 3}

    async def test_what_no_store_can_hold_is_refused_and_nothing_of_the_call_is_stored(
        self, store: RecordStore, namespace: str
    ) -> None:
        for bad in (
            an_upsert("2", payload={"a": "\x00"}),
            an_upsert("2", payload={"\x00": 1}),
            an_upsert("2", text="a\x00b"),
            an_upsert("2", text="\ud800"),
            an_upsert("2", payload={"a": "\udfff"}),
            an_upsert("2", tags=("\x00",)),
            an_upsert("2", importance=math.nan),
            an_upsert("2", importance=math.inf),
            an_upsert("2", occurred_at=datetime(2026, 1, 1)),  # noqa: DTZ001 - the fault
        ):
            with pytest.raises(InvalidInput) as caught:
                await store.apply(namespace, [an_upsert("1"), bad, an_upsert("3")])
            assert caught.value.faults[0].path.startswith("/")
        assert await store.stats(namespace) == StoreStats()

    async def test_a_write_that_fails_leaves_the_others_of_its_call(
        self, store: RecordStore, namespace: str
    ) -> None:
        applied = await store.apply(
            namespace,
            [
                an_upsert("1"),
                Delete(coordinate=at("404")),
                an_upsert("2", precondition=Precondition(version=9)),
                an_upsert("3"),
            ],
        )
        assert [type(o) for o in applied.outcomes] == [
            Written,
            NotFound,
            PreconditionFailed,
            Written,
        ]
        assert set(await store.get(namespace, [at("1"), at("2"), at("3")])) == {at("1"), at("3")}

    async def test_all_or_none_leaves_nothing_when_one_write_fails(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        receipt = Receipt(key="k", fingerprint=b"f")
        writes: list[Write] = [
            an_upsert("1", payload={"n": 2}),
            an_upsert("2"),
            an_upsert("1", precondition=Precondition(absent=True)),
            Delete(coordinate=at("1")),
        ]
        before = await store.stats(namespace)
        applied = await store.apply(namespace, writes, receipt=receipt, all_or_none=True)
        assert [type(o) for o in applied.outcomes] == [
            Written,
            Written,
            PreconditionFailed,
            Written,
        ]
        assert await store.stats(namespace) == before
        assert await store.last_version(namespace, at("1")) == 1
        again = await store.apply(namespace, writes[:2], receipt=receipt, all_or_none=True)
        assert not again.replayed
        assert [o.version for o in again.outcomes if isinstance(o, Written)] == [2, 1]

    async def test_a_thousand_writes_go_in_one_call(
        self, store: RecordStore, namespace: str
    ) -> None:
        applied = await store.apply(namespace, [an_upsert(f"{i}") for i in range(1000)])
        assert all(isinstance(outcome, Written) for outcome in applied.outcomes)
        assert (await store.stats(namespace)).total == 1000


class DeletingContract:
    async def test_a_deleted_memory_is_gone_and_its_version_goes_on(
        self, store: RecordStore, namespace: str
    ) -> None:
        first = written(await store.apply(namespace, [an_upsert("1")]))
        gone = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        assert (gone.version, gone.type, gone.changed) == (2, EventType.DELETED, True)
        assert await store.get(namespace, [at("1")]) == {}
        assert await store.fetch(namespace, [first.id]) == {}
        assert await store.last_version(namespace, at("1")) == 2
        back = written(await store.apply(namespace, [an_upsert("1")]))
        assert (back.version, back.type) == (3, EventType.CREATED)
        assert back.created_at == back.at >= gone.at
        [found] = (await store.get(namespace, [at("1")])).values()
        assert found.created_at == back.created_at

    async def test_deleting_again_changes_nothing_and_tells_the_first_time(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        first = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        again = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        assert not again.changed
        assert (again.version, again.position, again.event_id, again.at) == (
            first.version,
            first.position,
            first.event_id,
            first.at,
        )
        assert (await store.stats(namespace)).position == first.position

    async def test_deleting_what_was_never_stored_is_not_found(
        self, store: RecordStore, namespace: str
    ) -> None:
        applied = await store.apply(namespace, [Delete(coordinate=at("1"))])
        assert [type(outcome) for outcome in applied.outcomes] == [NotFound]


class RecordStoreContract(
    WritingContract,
    DeletingContract,
    PreconditionContract,
    ReceiptContract,
    ReadingContract,
    ListingContract,
    StampContract,
):
    """Everything the port promises."""

    async def test_ids_are_those_of_the_coordinates_module(
        self, store: RecordStore, namespace: str
    ) -> None:
        coordinate = Coordinate.parse("0.1,2")
        done = written(await store.apply(namespace, [an_upsert("0.1,2")]))
        assert done.id == memory_id(namespace, coordinate)
        assert type(done.id).__module__ == "uuid"
        assert done.event_id == event_id(done.id, 1, EventType.CREATED)
