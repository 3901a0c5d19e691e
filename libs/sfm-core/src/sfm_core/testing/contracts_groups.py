"""What every LogGroups must do, over a store and its eraser."""

from uuid import uuid4

import anyio

from sfm_core.model import EventType
from sfm_core.ports import Eraser, LogGroups, RecordStore
from sfm_core.testing.writes import an_upsert

_LONG_S = 60.0


class LogGroupsContract:
    """Fixtures: `store`, `eraser` and `groups` over one empty database."""

    async def test_one_member_reads_and_keeps_on(self, groups: LogGroups) -> None:
        one, other = uuid4(), uuid4()
        assert await groups.claim("g", one, session_s=_LONG_S) == 0
        assert await groups.claim("g", other, session_s=_LONG_S) is None
        assert await groups.claim("g", one, session_s=_LONG_S) == 0
        assert await groups.claim("another", other, session_s=_LONG_S) == 0

    async def test_a_group_goes_on_where_it_was(self, groups: LogGroups) -> None:
        one, other = uuid4(), uuid4()
        await groups.claim("g", one, session_s=_LONG_S)
        assert await groups.commit("g", one, 7)
        await groups.release("g", one)
        assert await groups.claim("g", other, session_s=_LONG_S) == 7

    async def test_a_silent_member_is_followed_by_another(self, groups: LogGroups) -> None:
        one, other = uuid4(), uuid4()
        await groups.claim("g", one, session_s=_LONG_S)
        await groups.commit("g", one, 3)
        await anyio.sleep(0.01)
        assert await groups.claim("g", other, session_s=0.0) == 3
        assert await groups.commit("g", one, 9) is False
        assert await groups.claim("g", one, session_s=_LONG_S) is None
        assert await groups.commit("g", other, 4)

    async def test_who_does_not_read_releases_nothing(self, groups: LogGroups) -> None:
        one, other = uuid4(), uuid4()
        assert await groups.commit("g", one, 1) is False
        await groups.claim("g", one, session_s=_LONG_S)
        await groups.release("g", other)
        assert await groups.claim("g", other, session_s=_LONG_S) is None

    async def test_the_log_of_all_namespaces_is_read_in_order(
        self, store: RecordStore, groups: LogGroups
    ) -> None:
        for place in range(6):
            await store.apply(f"n{place % 3}", [an_upsert(str(place))])
        first = await groups.read(after=0, limit=4)
        rest = await groups.read(after=first[-1].event.position, limit=4)
        found = [*first, *rest]
        assert [one.event.coordinate.text for one in found] == ["0", "1", "2", "3", "4", "5"]
        assert [one.event.namespace for one in found] == ["n0", "n1", "n2"] * 2
        assert await groups.read(after=found[-1].event.position, limit=4) in ((), [])

    async def test_it_is_known_how_much_is_behind(
        self, store: RecordStore, groups: LogGroups
    ) -> None:
        assert await groups.behind(0) == 0
        await store.apply("a", [an_upsert("1"), an_upsert("2"), an_upsert("3")])
        [first] = await groups.read(after=0, limit=1)
        assert await groups.behind(0) == 3
        assert await groups.behind(first.event.position) == 2

    async def test_an_erasure_is_read_and_what_it_erased_is_not(
        self, store: RecordStore, eraser: Eraser, groups: LogGroups
    ) -> None:
        await store.apply("a", [an_upsert("1")])
        await eraser.erase("a")
        await store.apply("a", [an_upsert("2")])
        found = await groups.read(after=0, limit=10)
        assert [(one.event.type, one.generation) for one in found] == [
            (EventType.ERASED, 2),
            (EventType.CREATED, 2),
        ]
