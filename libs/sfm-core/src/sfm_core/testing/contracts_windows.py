"""What every store does where a page would be large: it ends early and says where to go on.

A subclass gives the fixtures `store`, `log` and `finder`, over the same.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sfm_core.model import Box, KeywordQuery, ListQuery, Match, Memory, RangeQuery
from sfm_core.ports import EventLog, Finder, RecordStore
from sfm_core.testing.writes import an_upsert, at

_NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
_COUNT: Final = 14
_FITTING: Final = 5
"""Memories of 900 KB: the fifth passes 4 MiB."""
_LARGE: Final = {"said": "tea " * 225_000}
_ALL: Final = [f"{i:02}".lstrip("0") or "0" for i in range(_COUNT)]


class WindowsContract:
    async def test_a_list_ends_early_and_its_cursor_goes_on(
        self, store: RecordStore, namespace: str
    ) -> None:
        await _fill(store, namespace)
        query, sizes, seen = ListQuery(limit=100), [], []
        while True:
            page = await store.list(namespace, query, now=_NOW)
            sizes.append(len(page.memories))
            seen += _names(page.memories)
            if page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)
        assert (seen, sizes) == (_ALL, [_FITTING, _FITTING, 4])

    async def test_a_range_ends_early_and_its_cursor_goes_on(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await _fill(store, namespace)
        query = RangeQuery(box=Box(low=(0.0,), high=(99.0,)), limit=100)
        sizes, seen = [], []
        while True:
            page = await finder.inside(namespace, query, now=_NOW)
            sizes.append(len(page.memories))
            seen += _names(page.memories)
            if page.next_cursor is None:
                break
            query = replace(query, cursor=page.next_cursor)
        assert (seen, sizes) == (_ALL, [_FITTING, _FITTING, 4])

    async def test_a_page_of_the_log_ends_early_and_says_that_there_is_more(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        await _fill(store, namespace)
        after, sizes, seen = 0, [], []
        while True:
            page = await log.page(namespace, after=after, limit=100)
            sizes.append(len(page.events))
            seen += [event.coordinate.text for event in page.events]
            assert page.position == page.events[-1].position
            after = page.position
            if not page.more:
                break
        assert (seen, sizes) == (_ALL, [_FITTING, _FITTING, 4])

    async def test_a_history_ends_early_and_says_where_to_go_on(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        for _ in range(_COUNT):
            await store.apply(namespace, [an_upsert("1", text="tea", payload=dict(_LARGE))])
        before, sizes, seen = None, [], []
        while True:
            page = await log.history(namespace, at("1"), limit=100, before=before)
            sizes.append(len(page.events))
            seen += [event.version for event in page.events]
            before = page.next_before
            if before is None:
                break
        assert (seen, sizes) == (list(range(_COUNT, 0, -1)), [_FITTING, _FITTING, 4])

    async def test_a_search_gives_the_best_that_fit(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("90", text="teapot", payload=dict(_LARGE))])
        await _fill(store, namespace)
        query = KeywordQuery(term="tea", top_k=100)
        found = await finder.with_term(namespace, query, now=_NOW)
        assert _names([one.memory for one in found]) == _ALL[::-1][:_FITTING]
        assert {one.match for one in found} == {Match.WORD}

    async def test_many_small_ones_and_a_limit_of_one_are_as_they_were(
        self, store: RecordStore, log: EventLog, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert(f"{i}") for i in range(1000)])
        page = await store.list(namespace, ListQuery(limit=1000), now=_NOW)
        assert (len(page.memories), page.next_cursor) == (1000, None)
        events = await log.page(namespace, after=0, limit=1000)
        assert (len(events.events), events.more) == (1000, False)
        one = await log.page(namespace, after=0, limit=1)
        assert (len(one.events), one.more) == (1, True)


async def _fill(store: RecordStore, namespace: str) -> None:
    for place in _ALL:
        await store.apply(namespace, [an_upsert(place, text="tea", payload=dict(_LARGE))])


def _names(memories: tuple[Memory, ...] | list[Memory]) -> list[str]:
    return [memory.coordinate.text for memory in memories]
