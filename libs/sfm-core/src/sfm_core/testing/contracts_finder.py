"""What every Finder promises."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from sfm_core.errors import InvalidInput
from sfm_core.filters import parse
from sfm_core.model import Box, Delete, KeywordQuery, Kind, ListQuery, Memory, Page, RangeQuery
from sfm_core.ports import Finder, RecordStore
from sfm_core.testing.writes import an_upsert, at
from sfm_core.trigrams import FUZZY_THRESHOLD

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own, so that tests may share a database."""
    return f"find-{uuid4().hex[:12]}"


def box(low: str, high: str, **asked: Any) -> RangeQuery:  # noqa: ANN401 - fields of the query
    return RangeQuery(box=Box(low=at(low).axes, high=at(high).axes), **asked)


async def say(store: RecordStore, namespace: str, *texts: str, **draft: Any) -> None:  # noqa: ANN401
    """One memory per text, at the coordinates 0, 1, …, each later than the one before."""
    for i, text in enumerate(texts):
        await store.apply(namespace, [an_upsert(f"{i}", text=text, **draft)])


async def matches(
    finder: Finder,
    namespace: str,
    term: str,
    **asked: Any,  # noqa: ANN401 - fields of the query
) -> list[tuple[str, str]]:
    """The found coordinates, each with its match."""
    query = KeywordQuery(term=term, **asked)
    found = await finder.with_term(namespace, query, now=NOW)
    return [(one.memory.coordinate.text, one.match.value) for one in found]


async def paged(finder: Finder, namespace: str, query: RangeQuery) -> list[Memory]:
    """All pages."""
    found: list[Memory] = []
    page = Page(memories=(), next_cursor=query.cursor)
    while True:
        page = await finder.inside(namespace, replace(query, cursor=page.next_cursor), now=NOW)
        found += page.memories
        if page.next_cursor is None:
            return found


def places(memories: Sequence[Memory]) -> list[str]:
    return [memory.coordinate.text for memory in memories]


class RangeContract:
    async def test_both_corners_belong_to_the_box(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        for text in ("0,0", "0.5,-1", "1,1", "1.0000001,1", "-0.0000001,0", "1,1.5"):
            await store.apply(namespace, [an_upsert(text)])
        assert places(await paged(finder, namespace, box("0,0", "1,1"))) == ["0,0", "1,1"]
        assert places(await paged(finder, namespace, box("1,1", "1,1"))) == ["1,1"]
        assert await paged(finder, namespace, box("0.1,0.1", "0.9,0.9")) == []

    async def test_only_memories_with_as_many_axes_are_inside(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        axes = ["1", "1,1", "1,1,1", "1,1,1,1", ",".join(["1"] * 16)]
        await store.apply(namespace, [an_upsert(text) for text in axes])
        for text in axes:
            count = text.count("1")
            corners = box(",".join(["0"] * count), ",".join(["2"] * count))
            assert places(await paged(finder, namespace, corners)) == [text]

    @pytest.mark.parametrize("axis", range(16))
    async def test_each_axis_is_held_to_the_box(
        self, store: RecordStore, finder: Finder, namespace: str, axis: int
    ) -> None:
        def point(value: int) -> str:
            return ",".join("1" if i != axis else str(value) for i in range(16))

        await store.apply(namespace, [an_upsert(point(value)) for value in (-5, 1, 5)])
        corners = box(",".join(["0"] * 16), ",".join(["2"] * 16))
        assert places(await paged(finder, namespace, corners)) == [point(1)]

    async def test_pages_go_by_the_first_axis_and_give_each_once(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        texts = [f"{i % 4},{i}" for i in range(23)]
        await store.apply(namespace, [an_upsert(text) for text in texts])
        found = await paged(finder, namespace, box("0,0", "9,99", limit=5))
        assert sorted(places(found)) == sorted(texts)
        assert [m.coordinate.axes[0] for m in found] == sorted(m.coordinate.axes[0] for m in found)
        assert found == sorted(found, key=lambda m: (m.coordinate.axes[0], m.id))
        assert found == list((await finder.inside(namespace, box("0,0", "9,99"), now=NOW)).memories)

    async def test_writes_between_pages_neither_repeat_nor_lose_what_stays(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        texts = [f"{i},0" for i in range(10)]
        await store.apply(namespace, [an_upsert(text) for text in texts])
        first = await finder.inside(namespace, box("0,0", "9,9", limit=4), now=NOW)
        await store.apply(
            namespace,
            [
                Delete(coordinate=at("1,0")),
                Delete(coordinate=at("3,0")),
                an_upsert("2,0", payload={"new": True}),
                an_upsert("5,0", payload={"new": True}),
                an_upsert("0.5,0"),
                an_upsert("6.5,0"),
            ],
        )
        rest = await paged(finder, namespace, box("0,0", "9,9", cursor=first.next_cursor))
        assert places(first.memories) == ["0,0", "1,0", "2,0", "3,0"]
        assert places(rest) == ["4,0", "5,0", "6,0", "6.5,0", "7,0", "8,0", "9,0"]

    async def test_the_deleted_and_the_expired_are_not_inside(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        ends = {"1": NOW - timedelta(seconds=1), "2": NOW, "3": NOW + timedelta(seconds=1)}
        for text, expires_at in ends.items():
            await store.apply(namespace, [an_upsert(text, expires_at=expires_at)])
        await store.apply(namespace, [an_upsert("4")])
        await store.apply(namespace, [Delete(coordinate=at("4"))])
        assert places(await paged(finder, namespace, box("0", "9"))) == ["3"]

    async def test_a_cursor_of_another_box_stays_inside_this_one(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert(f"{i}") for i in range(6)])
        early = await finder.inside(namespace, box("0", "9", limit=1), now=NOW)
        found = await paged(finder, namespace, box("3", "4", cursor=early.next_cursor))
        assert places(found) == ["3", "4"]

    @pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "cg==", "r" * 34, "=" * 34])
    async def test_a_range_cursor_of_no_range_is_refused(
        self, finder: Finder, namespace: str, cursor: str
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            await finder.inside(namespace, box("0", "9", cursor=cursor), now=NOW)
        assert caught.value.faults[0].path == "/cursor"

    async def test_a_lists_cursor_is_none_of_a_range(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        listed = await store.list(namespace, ListQuery(limit=1), now=NOW)
        with pytest.raises(InvalidInput):
            await finder.inside(namespace, box("0", "9", cursor=listed.next_cursor), now=NOW)
        inside = await finder.inside(namespace, box("0", "9", limit=1), now=NOW)
        with pytest.raises(InvalidInput):
            await store.list(namespace, ListQuery(cursor=inside.next_cursor), now=NOW)

    async def test_another_namespaces_memories_are_not_inside(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await store.apply(f"{namespace}-b", [an_upsert("1")])
        assert await paged(finder, namespace, box("0", "9")) == []


class KeywordContract:
    async def test_whole_words_come_first_then_parts_then_what_is_alike(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "a ketle", "Kettledrums", "the kettle", "no such thing")
        assert await matches(finder, namespace, "kettle") == [
            ("2", "word"),
            ("1", "part"),
            ("0", "fuzzy"),
        ]

    async def test_exact_takes_whole_words_only(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "a ketle", "Kettledrums", "KETTLE!", "kettle_9", "x kettle9")
        found = await matches(finder, namespace, "kettle", exact=True)
        assert found == [("3", "word"), ("2", "word")]

    async def test_case_counts_when_it_is_asked_for(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "Éclair", "éclair", "un éclairage", "ÉCLAIR ou éclair")
        found = await matches(finder, namespace, "éclair", case_sensitive=True)
        assert found == [("3", "word"), ("1", "word"), ("2", "part")]
        both = await matches(finder, namespace, "ÉCLAIR")
        assert [place for place, _ in both] == ["3", "1", "0", "2"]

    @pytest.mark.parametrize(
        "term", ["100%", "a_b", "\\", "(x|y)", "[a-z]*", "$", ".", "^", "'", '"']
    )
    async def test_a_term_is_no_pattern(
        self, store: RecordStore, finder: Finder, namespace: str, term: str
    ) -> None:
        await say(store, namespace, f"say {term} now", "100 aXb y", "plain words")
        assert await matches(finder, namespace, term, exact=True) == [("0", "word")]
        literal = await matches(finder, namespace, term, case_sensitive=True)
        assert literal == [("0", "word")]

    @pytest.mark.parametrize("term", ["茶", "о чём", "a", "😀", "e\u0301", "two\nlines"])
    async def test_short_and_foreign_terms_are_found(
        self, store: RecordStore, finder: Finder, namespace: str, term: str
    ) -> None:
        await say(store, namespace, "nothing here, dog!", f"x {term} y")
        assert ("1", "word") in await matches(finder, namespace, term)

    async def test_ties_go_to_the_youngest(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, *["green tea"] * 5)
        assert await matches(finder, namespace, "tea", top_k=3) == [
            ("4", "word"),
            ("3", "word"),
            ("2", "word"),
        ]

    async def test_the_more_alike_come_before_the_less(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "harbours", "harbuor", "harb or", "harbor")
        query = KeywordQuery(term="harbour")
        found = await finder.with_term(namespace, query, now=NOW)
        alike = [one.similarity for one in found if one.match.value == "fuzzy"]
        assert alike == sorted(alike, reverse=True)
        assert all(FUZZY_THRESHOLD <= similarity < 1.0 for similarity in alike)
        assert {one.memory.text for one in found} >= {"harbours", "harbor"}

    async def test_kind_and_filter_come_before_top_k(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "tea", tags=("keep",), kind=Kind.SEMANTIC)
        for i in range(1, 9):
            await store.apply(namespace, [an_upsert(f"{i}", text="tea", tags=("other",))])
        tagged = parse({"@tags": "keep"})
        assert await matches(finder, namespace, "tea", filter=tagged, top_k=1) == [("0", "word")]
        semantic = await matches(finder, namespace, "tae", kind=Kind.SEMANTIC, top_k=1)
        assert semantic in ([], [("0", "fuzzy")])
        assert await matches(finder, namespace, "te", kind=Kind.SEMANTIC, top_k=1) == [
            ("0", "part")
        ]
        nothing = parse({"$not": {"@tags": {"$exists": True}}})
        assert await matches(finder, namespace, "tea", filter=nothing) == []

    async def test_fuzzy_matches_are_filtered_too(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "a ketle", "one ketle", source="Ada")
        await store.apply(namespace, [an_upsert("9", text="the ketle", source="Ben")])
        by_ada = parse({"@source": "Ada"})
        found = await matches(finder, namespace, "kettle", filter=by_ada, top_k=1)
        assert found == [("1", "fuzzy")]

    async def test_the_deleted_the_expired_and_the_rewritten_are_not_found(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, namespace, "secret", "secret", "secret")
        await store.apply(namespace, [Delete(coordinate=at("0"))])
        await store.apply(namespace, [an_upsert("1", text="rewritten")])
        await store.apply(namespace, [an_upsert("2", text="secret", expires_at=NOW)])
        assert await matches(finder, namespace, "secret") == []
        assert await matches(finder, namespace, "rewritten") == [("1", "word")]

    async def test_another_namespaces_text_never_matches(
        self, store: RecordStore, finder: Finder, namespace: str
    ) -> None:
        await say(store, f"{namespace}-b", "the kettle", "kettledrum", "a ketle")
        await say(store, namespace, "tea")
        for asked in ({}, {"exact": True}, {"case_sensitive": True}):
            assert await matches(finder, namespace, "kettle", **asked) == []
        assert await matches(finder, "find-nobody", "kettle") == []


class FinderContract(RangeContract, KeywordContract):
    """Subclasses give `store` and, over the same rows, `finder`."""
