"""What every Outbox must do, over a store with its links and its eraser."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import anyio
import pytest

from sfm_core.errors import Unavailable
from sfm_core.model import Delete, EventType, LinkKey, PutLink
from sfm_core.ports import Eraser, LinkStore, Outbox, RecordStore
from sfm_core.ports.outbox import Unsent
from sfm_core.runtime.tracing import on_behalf_of
from sfm_core.testing.writes import an_upsert, at, written

_TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Published:
    """What was published, in order."""

    def __init__(self) -> None:
        self.found: list[Unsent] = []

    async def __call__(self, unsent: Sequence[Unsent]) -> None:
        self.found += unsent

    @property
    def positions(self) -> list[int]:
        return [one.event.position for one in self.found]

    @property
    def places(self) -> list[str]:
        return [one.event.coordinate.text for one in self.found]


async def _fails(unsent: Sequence[Unsent]) -> None:
    raise Unavailable(f"{len(unsent)} were not taken")


class OutboxContract:
    """Fixtures: `store`, `links`, `eraser` and `outbox` over one empty database."""

    async def test_everything_is_published_once_and_in_order(
        self, store: RecordStore, links: LinkStore, outbox: Outbox
    ) -> None:
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        await store.apply("b", [an_upsert("1")])
        await links.apply("a", [PutLink(key=LinkKey(origin=at("1"), target=at("2")))])
        await store.apply("a", [Delete(coordinate=at("2"))])
        published = Published()
        done = [await outbox.relay(published, limit=4) for _ in range(3)]
        assert done == [4, 2, 0]
        assert published.positions == sorted(set(published.positions))
        assert [one.event.type for one in published.found] == [
            EventType.CREATED,
            EventType.CREATED,
            EventType.CREATED,
            EventType.LINKED,
            EventType.DELETED,
            EventType.UNLINKED,
        ]
        assert {one.generation for one in published.found} == {1}

    async def test_an_event_has_the_state_after_it(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        done = written(await store.apply("a", [an_upsert("1", payload={"said": "first"})]))
        await store.apply("a", [an_upsert("1", payload={"said": "second"})])
        published = Published()
        await outbox.relay(published, limit=10)
        first, second = published.found
        assert first.event.event_id == done.event_id
        assert first.event.memory is not None
        assert first.event.memory.draft.payload == {"said": "first"}
        assert second.event.memory is not None
        assert second.event.memory.draft.payload == {"said": "second"}

    async def test_what_was_not_published_stays(self, store: RecordStore, outbox: Outbox) -> None:
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        with pytest.raises(Unavailable, match="2 were not taken"):
            await outbox.relay(_fails, limit=10)
        published = Published()
        assert await outbox.relay(published, limit=10) == 2
        assert await outbox.relay(_fails, limit=10) == 0

    async def test_what_was_published_and_not_marked_comes_again(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        """A crash between the two: nothing is lost, something is repeated."""
        await store.apply("a", [an_upsert("1")])
        published = Published()

        async def crashes(unsent: Sequence[Unsent]) -> None:
            await published(unsent)
            crash.cancel()
            await anyio.lowlevel.checkpoint()

        with anyio.CancelScope() as crash:
            await outbox.relay(crashes, limit=10)
        assert await outbox.relay(published, limit=10) == 1
        assert len(set(published.positions)) == 1
        assert len(published.positions) == 2

    async def test_two_relays_at_once_share_what_there_is(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        await store.apply("a", [an_upsert(str(n)) for n in range(6)])
        first, second = Published(), Published()
        async with _claimed(outbox, first, limit=3):
            assert await outbox.relay(second, limit=10) == 3
        assert set(first.positions).isdisjoint(second.positions)
        assert len(first.positions) == len(second.positions) == 3

    async def test_a_memorys_events_go_out_in_order(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        """The later waits while another relay holds the earlier; other memories do not."""
        await store.apply("a", [an_upsert("1")])
        await store.apply("a", [an_upsert("2")])
        first, second = Published(), Published()
        async with _claimed(outbox, first, limit=1):
            await store.apply("a", [an_upsert("1")])
            await store.apply("a", [an_upsert("1")])
            assert await outbox.relay(second, limit=10) == 1
            assert second.places == ["2"]
        assert await outbox.relay(second, limit=10) == 2
        assert first.places + second.places == ["1", "2", "1", "1"]
        assert [one.event.version for one in (*first.found, *second.found[1:])] == [1, 2, 3]

    async def test_an_erasure_is_published_and_what_it_erased_is_not(
        self, store: RecordStore, eraser: Eraser, outbox: Outbox
    ) -> None:
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        await eraser.erase("a")
        await store.apply("a", [an_upsert("3")])
        await eraser.erase("a")
        await store.apply("a", [an_upsert("4")])
        published = Published()
        await outbox.relay(published, limit=10)
        told = [(one.event.type, one.generation) for one in published.found]
        assert told == [
            (EventType.ERASED, 2),
            (EventType.ERASED, 3),
            (EventType.CREATED, 3),
        ]

    async def test_neither_writes_nor_erasures_wait_for_a_claim(
        self, store: RecordStore, eraser: Eraser, outbox: Outbox
    ) -> None:
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        first, second = Published(), Published()
        async with _claimed(outbox, first, limit=1):
            with anyio.fail_after(10):
                await store.apply("a", [an_upsert("1")])
                await eraser.erase("a")
                await store.apply("a", [an_upsert("3")])
        await outbox.relay(second, limit=10)
        assert first.places == ["1"]
        assert [one.event.type for one in second.found] == [EventType.ERASED, EventType.CREATED]
        assert await outbox.relay(second, limit=10) == 0

    async def test_a_claim_that_took_too_long_is_anothers_and_marks_all_the_same(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        first, second = Published(), Published()
        async with _claimed(outbox, first, limit=1, lease_s=0.0):
            assert await outbox.relay(second, limit=10) == 2
        assert (first.places, second.places) == (["1"], ["1", "2"])
        assert await outbox.relay(second, limit=10) == 0

    async def test_a_claim_holds_no_more_bytes_than_a_page(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        for place in range(7):
            large = an_upsert(str(place), payload={"said": "x" * 900_000}, text="short")
            await store.apply("a", [large])
        published = Published()
        done = [await outbox.relay(published, limit=10) for _ in range(3)]
        assert done == [5, 2, 0]
        assert published.places == [str(place) for place in range(7)]

    async def test_the_trace_of_the_writer_goes_along(
        self, store: RecordStore, links: LinkStore, eraser: Eraser, outbox: Outbox
    ) -> None:
        with on_behalf_of(_TRACE):
            await store.apply("a", [an_upsert("1"), an_upsert("2")])
            await links.apply("a", [PutLink(key=LinkKey(origin=at("1"), target=at("2")))])
        await store.apply("a", [an_upsert("1")])
        with on_behalf_of(_TRACE):
            await eraser.erase("b")
        published = Published()
        await outbox.relay(published, limit=10)
        assert [one.trace for one in published.found] == [*[_TRACE] * 3, None, _TRACE]

    async def test_the_backlog_counts_and_says_since_when(
        self, store: RecordStore, outbox: Outbox
    ) -> None:
        assert await outbox.backlog() == (0, None)
        await store.apply("a", [an_upsert("1"), an_upsert("2")])
        unsent, since = await outbox.backlog()
        assert unsent == 2
        assert since is not None
        assert abs(datetime.now(UTC) - since) < timedelta(minutes=1)
        await outbox.relay(Published(), limit=1)
        assert (await outbox.backlog())[0] == 1


class _Claim:
    """A relay that stands still between publishing and marking."""

    def __init__(
        self,
        outbox: Outbox,
        publish: Callable[[Sequence[Unsent]], Awaitable[None]],
        limit: int,
        lease_s: float,
    ) -> None:
        self._outbox = outbox
        self._publish = publish
        self._limit = limit
        self._lease_s = lease_s
        self._claimed, self._go_on = anyio.Event(), anyio.Event()

    async def __aenter__(self) -> None:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run)
        await self._claimed.wait()

    async def __aexit__(self, *error: object) -> None:
        self._go_on.set()
        await self._tasks.__aexit__(None, None, None)

    async def _run(self) -> None:
        await self._outbox.relay(self._stand_still, limit=self._limit, lease_s=self._lease_s)

    async def _stand_still(self, unsent: Sequence[Unsent]) -> None:
        await self._publish(unsent)
        self._claimed.set()
        await self._go_on.wait()


def _claimed(outbox: Outbox, published: Published, *, limit: int, lease_s: float = 60.0) -> _Claim:
    return _Claim(outbox, published, limit, lease_s)
