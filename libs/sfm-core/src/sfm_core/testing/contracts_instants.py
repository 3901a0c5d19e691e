"""What every store does with the first and the last instant there is.

A subclass gives the fixtures `store` and `log`, over the same.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import pytest

from sfm_core.filters import parse
from sfm_core.model import Delete, ListQuery, Stamp
from sfm_core.ports import ChangeFeed, EventLog, RecordStore
from sfm_core.testing.writes import REVISION, an_upsert, at, written
from sfm_core.times import microseconds

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
_NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


class Store(RecordStore, ChangeFeed, Protocol):
    """Where memories are written, and what views read of them."""


class InstantsContract:
    @pytest.mark.parametrize("end", [FIRST, LAST, FIRST + _TICK, LAST - _TICK])
    async def test_the_first_and_the_last_instant_are_kept_exactly(
        self, store: Store, log: EventLog, namespace: str, end: datetime
    ) -> None:
        stamp = Stamp(created_at=end, updated_at=end)
        upsert = an_upsert("1", occurred_at=end, expires_at=end, stamp=stamp)
        done = written(await store.apply(namespace, [upsert]))
        [found] = (await store.get(namespace, [at("1")])).values()
        assert [(t, t.tzinfo) for t in (done.at, done.created_at)] == [(end, UTC)] * 2
        draft = found.draft
        kept = (draft.occurred_at, draft.expires_at, found.created_at, found.updated_at)
        assert kept == (end,) * 4
        [event] = (await log.history(namespace, at("1"), limit=1)).events
        assert (event.at, event.memory) == (end, found)
        [row] = await store.view_rows(namespace, [found.id], model_revision=REVISION)
        assert row.occurred_at is not None
        assert microseconds(row.occurred_at) == microseconds(end)
        loaded = [
            one async for page in store.load(namespace, model_revision=REVISION) for one in page
        ]
        assert [(one.created_at, one.expires_at) for one in loaded] == [(end, end)]

    async def test_a_list_is_bounded_by_the_ends_and_goes_on_behind_them(
        self, store: Store, namespace: str
    ) -> None:
        for place, moment in (("1", FIRST), ("2", _NOW), ("3", LAST)):
            stamp = Stamp(created_at=moment, updated_at=moment)
            await store.apply(namespace, [an_upsert(place, occurred_at=moment, stamp=stamp)])
        await store.apply(namespace, [an_upsert("4", occurred_at=LAST - _TICK, expires_at=LAST)])

        async def names(now: datetime = _NOW, **asked: object) -> list[str]:
            found: list[str] = []
            query = ListQuery(limit=1, **asked)  # type: ignore[arg-type]
            while True:
                page = await store.list(namespace, query, now=now)
                found += [memory.coordinate.text for memory in page.memories]
                if page.next_cursor is None:
                    return sorted(found)
                query = ListQuery(limit=1, cursor=page.next_cursor, **asked)  # type: ignore[arg-type]

        assert await names() == ["1", "2", "3", "4"]
        assert await names(LAST) == ["1", "2", "3"]
        assert await names(FIRST) == ["1", "2", "3", "4"]
        assert await names(since=FIRST, until=LAST) == ["1", "2", "4"]
        assert await names(since=LAST) == ["3"]
        assert await names(until=FIRST) == []
        late, early = LAST.isoformat(), FIRST.isoformat()
        assert await names(filter=parse({"@occurred_at": {"$gte": late}})) == ["3"]
        assert await names(filter=parse({"@occurred_at": {"$lt": late}})) == ["1", "2", "4"]
        assert await names(filter=parse({"@created_at": {"$lte": early}})) == ["1"]

    async def test_what_was_last_changed_at_the_last_instant_can_be_changed_and_deleted(
        self, store: Store, log: EventLog, namespace: str
    ) -> None:
        stamp = Stamp(created_at=LAST, updated_at=LAST)
        await store.apply(namespace, [an_upsert("1", stamp=stamp)])
        over = written(await store.apply(namespace, [an_upsert("1")]))
        gone = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        anew = written(await store.apply(namespace, [an_upsert("1")]))
        assert [over.version, gone.version, anew.version] == [2, 3, 4]
        assert len((await log.history(namespace, at("1"), limit=10)).events) == 4
