"""What every RecordStore does with preconditions and receipts: one part of its contract."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anyio
import pytest

from sfm_core.errors import InvalidInput, KeyReused, NotFound, PreconditionFailed
from sfm_core.model import (
    Applied,
    Delete,
    EventType,
    Keep,
    Precondition,
    Receipt,
    Write,
    WriteOutcome,
    Written,
)
from sfm_core.ports import RecordStore
from sfm_core.testing.writes import an_upsert, at, written

WAIT_S = 20.0


class PreconditionContract:
    async def test_if_match_holds_for_the_live_version_only(
        self, store: RecordStore, namespace: str
    ) -> None:
        async def outcome(version: int) -> type:
            write = an_upsert("1", precondition=Precondition(version=version))
            return type((await store.apply(namespace, [write])).outcomes[0])

        assert await outcome(1) is PreconditionFailed
        await store.apply(namespace, [an_upsert("1")])
        assert await outcome(2) is PreconditionFailed
        assert await outcome(1) is Written
        await store.apply(namespace, [Delete(coordinate=at("1"))])
        assert await outcome(3) is PreconditionFailed
        assert await store.last_version(namespace, at("1")) == 3

    async def test_if_none_match_holds_where_nothing_lives(
        self, store: RecordStore, namespace: str
    ) -> None:
        async def outcome() -> type:
            write = an_upsert("1", precondition=Precondition(absent=True))
            return type((await store.apply(namespace, [write])).outcomes[0])

        assert await outcome() is Written
        assert await outcome() is PreconditionFailed
        await store.apply(namespace, [Delete(coordinate=at("1"))])
        assert await outcome() is Written
        assert await store.last_version(namespace, at("1")) == 3

    async def test_a_condition_on_an_end_holds_for_just_that_end(
        self, store: RecordStore, namespace: str
    ) -> None:
        async def stores(ended: int, text: str = "1") -> bool:
            write = an_upsert(text, precondition=Precondition(ended=ended))
            [outcome] = (await store.apply(namespace, [write])).outcomes
            assert isinstance(outcome, Written | PreconditionFailed)
            return isinstance(outcome, Written)

        assert not await stores(1)
        assert await stores(0)
        assert not await stores(0)  # it lives
        assert not await stores(1)
        await store.apply(namespace, [Delete(coordinate=at("1"))])
        assert not await stores(0)
        assert not await stores(1)
        assert await stores(2)
        batch = [an_upsert(t, precondition=Precondition(ended=0)) for t in ("1", "2")]
        first, second = (await store.apply(namespace, batch)).outcomes
        assert isinstance(first, PreconditionFailed)
        assert isinstance(second, Written)

    async def test_to_an_upsert_what_has_expired_is_not_there(
        self, store: RecordStore, namespace: str
    ) -> None:
        now = datetime(2026, 5, 1, tzinfo=UTC)
        first = Precondition(absent=True)

        async def put(after_s: int, **more: Any) -> WriteOutcome:  # noqa: ANN401 - of a draft
            applied = await store.apply(
                namespace, [an_upsert("1", **more)], now=now + timedelta(seconds=after_s)
            )
            return applied.outcomes[0]

        one = await put(0, expires_at=now + timedelta(seconds=10))
        assert isinstance(await put(9, precondition=first), PreconditionFailed)
        assert isinstance(await put(10, precondition=Precondition(version=1)), PreconditionFailed)
        anew = await put(10, precondition=first, expires_at=now + timedelta(seconds=20))
        assert isinstance(one, Written)
        assert isinstance(anew, Written)
        assert (anew.version, anew.type) == (2, EventType.CREATED)
        assert anew.created_at == anew.at > one.created_at
        kept = await put(19, expires_at=now + timedelta(seconds=20))
        over = await put(20)
        assert isinstance(kept, Written)
        assert isinstance(over, Written)
        assert [kept.type, over.type] == [EventType.UPDATED, EventType.CREATED]

    async def test_of_writes_that_must_be_alone_with_their_content_one_happens(
        self, store: RecordStore, namespace: str
    ) -> None:
        alone = Precondition(absent=True, alone_but_at=frozenset())
        done: list[Applied] = []

        async def put(*coordinates: int, key: int) -> None:
            writes = [
                an_upsert(f"{c}", content_key=key if c < 100 else c, precondition=alone)
                for c in coordinates
            ]
            done.append(await store.apply(namespace, writes, all_or_none=True))

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                for i in range(16):
                    tasks.start_soon(partial(put, i, key=7))
                    tasks.start_soon(partial(put, 16 + i, 100 + i, key=7))
        assert (await store.by_content(namespace, [7])).keys() == {7}
        rest = await store.get(namespace, [at(f"{i}") for i in range(32)])
        assert len(rest) == 1

    async def test_places_may_be_excepted_from_being_alone_and_other_content_is_no_matter(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", content_key=7), an_upsert("2")])

        async def outcome(name: str, *but: str, key: int = 7) -> type:
            alone = Precondition(alone_but_at=frozenset(map(at, but)))
            write = an_upsert(name, content_key=key, precondition=alone)
            return type((await store.apply(namespace, [write])).outcomes[0])

        assert await outcome("3") is PreconditionFailed
        assert await outcome("3", "2") is PreconditionFailed
        assert await outcome("1") is Written
        assert await outcome("4", key=8) is Written
        assert await outcome("3", "1") is Written
        assert await outcome("5", "1") is PreconditionFailed
        await store.apply(namespace, [Delete(coordinate=at("1")), Delete(coordinate=at("3"))])
        assert await outcome("5") is Written

    async def test_a_delete_obeys_if_match(self, store: RecordStore, namespace: str) -> None:
        await store.apply(namespace, [an_upsert("1")])
        wrong = Delete(coordinate=at("1"), precondition=Precondition(version=2))
        right = Delete(coordinate=at("1"), precondition=Precondition(version=1))
        applied = await store.apply(namespace, [wrong])
        assert [type(o) for o in applied.outcomes] == [PreconditionFailed]
        assert written(await store.apply(namespace, [right])).version == 2

    @pytest.mark.parametrize("precondition", [Precondition(absent=True), Precondition(version=1)])
    async def test_of_many_conditional_writes_at_once_exactly_one_happens(
        self, store: RecordStore, namespace: str, precondition: Precondition
    ) -> None:
        if precondition.version is not None:
            await store.apply(namespace, [an_upsert("1")])
        done: list[Applied] = []

        async def put() -> None:
            done.append(await store.apply(namespace, [an_upsert("1", precondition=precondition)]))

        async with anyio.create_task_group() as tasks:
            for _ in range(16):
                tasks.start_soon(put)
        kinds = [type(applied.outcomes[0]) for applied in done]
        assert kinds.count(Written) == 1
        assert kinds.count(PreconditionFailed) == 15


class ReceiptContract:
    async def test_the_same_key_replays_the_first_outcomes_and_writes_nothing(
        self, store: RecordStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"one")
        writes: list[Write] = [an_upsert("1"), Delete(coordinate=at("404")), an_upsert("2")]
        first = await store.apply(namespace, writes, receipt=receipt)
        again = await store.apply(namespace, writes, receipt=receipt)
        assert not first.replayed
        assert again.replayed
        assert again.outcomes[0] == first.outcomes[0]
        assert again.outcomes[2] == first.outcomes[2]
        assert isinstance(again.outcomes[1], NotFound)
        assert str(again.outcomes[1]) == str(first.outcomes[1])
        assert await store.last_version(namespace, at("1")) == 1

    async def test_the_same_key_with_another_request_is_refused(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")], receipt=Receipt(key="k", fingerprint=b"1"))
        with pytest.raises(KeyReused):
            await store.apply(
                namespace, [an_upsert("2")], receipt=Receipt(key="k", fingerprint=b"2")
            )
        assert await store.get(namespace, [at("2")]) == {}

    async def test_calls_at_once_with_one_key_write_once_and_agree(
        self, store: RecordStore, namespace: str
    ) -> None:
        done: list[Applied] = []
        receipt = Receipt(key="k", fingerprint=b"f")

        async def put() -> None:
            done.append(await store.apply(namespace, [an_upsert("1")], receipt=receipt))

        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as tasks:
                for _ in range(16):
                    tasks.start_soon(put)
        assert [applied.replayed for applied in done].count(False) == 1
        assert len({applied.outcomes for applied in done}) == 1
        assert await store.last_version(namespace, at("1")) == 1

    async def test_a_key_of_another_namespace_is_another_key(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")], receipt=Receipt(key="k", fingerprint=b"1"))
        other = await store.apply(
            f"{namespace}-b", [an_upsert("1")], receipt=Receipt(key="k", fingerprint=b"2")
        )
        assert not other.replayed

    async def test_a_call_in_which_nothing_happened_keeps_no_receipt(
        self, store: RecordStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"f")
        delete = [Delete(coordinate=at("1"))]
        failed = await store.apply(namespace, delete, receipt=receipt)
        with pytest.raises(InvalidInput):
            await store.apply(namespace, [an_upsert("1", text="\x00")], receipt=receipt)
        await store.apply(namespace, [an_upsert("1")])
        done = await store.apply(namespace, delete, receipt=receipt)
        assert isinstance(failed.outcomes[0], NotFound)
        assert written(done).type is EventType.DELETED

    async def test_a_call_without_writes_keeps_its_receipt(
        self, store: RecordStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"f")
        first = await store.apply(namespace, [], receipt=receipt)
        again = await store.apply(namespace, [an_upsert("1")], receipt=receipt)
        assert (first, again) == (Applied(outcomes=()), Applied(outcomes=(), replayed=True))
        assert await store.get(namespace, [at("1")]) == {}

    async def test_keeping_changes_nothing_and_a_receipt_can_stand_for_it(
        self, store: RecordStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"f")
        stored = written(await store.apply(namespace, [an_upsert("1")]))
        kept = await store.apply(namespace, [Keep(coordinate=at("1"))], receipt=receipt)
        assert not written(kept).changed
        assert (written(kept).event_id, written(kept).version, written(kept).position) == (
            stored.event_id,
            1,
            stored.position,
        )
        await store.apply(namespace, [Delete(coordinate=at("1"))])
        replay = await store.apply(namespace, [Keep(coordinate=at("1"))], receipt=receipt)
        assert replay.replayed
        assert replay.outcomes == kept.outcomes
        gone = await store.apply(namespace, [Keep(coordinate=at("1"))])
        assert isinstance(gone.outcomes[0], NotFound)
