"""What every RecordStore answers when it is read: one part of its contract."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from sfm_core.errors import InvalidInput
from sfm_core.filters import parse
from sfm_core.model import Delete, Kind, ListQuery, Memory, StoreStats, mark_of
from sfm_core.ports import RecordStore
from sfm_core.testing.writes import an_upsert, at, written

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


async def listed(store: RecordStore, namespace: str, query: ListQuery) -> list[Memory]:
    """Every page, one after the other."""
    found: list[Memory] = []
    page = await store.list(namespace, query, now=NOW)
    found += page.memories
    while page.next_cursor is not None:
        again = ListQuery(
            kind=query.kind,
            tag=query.tag,
            filter=query.filter,
            since=query.since,
            until=query.until,
            limit=query.limit,
            cursor=page.next_cursor,
        )
        page = await store.list(namespace, again, now=NOW)
        found += page.memories
    return found


class ReadingContract:
    async def test_a_namespace_nobody_wrote_to_is_empty(
        self, store: RecordStore, namespace: str
    ) -> None:
        assert await store.get(namespace, [at("1")]) == {}
        assert await store.fetch(namespace, [uuid4()]) == {}
        assert await store.last_version(namespace, at("1")) == 0
        assert await store.by_content(namespace, [7]) == {}
        page = await store.list(namespace, ListQuery(), now=NOW)
        assert (page.memories, page.next_cursor) == ((), None)
        assert await store.stats(namespace) == StoreStats()
        assert namespace not in await store.namespaces()
        await store.ping()

    async def test_namespaces_do_not_see_each_other(
        self, store: RecordStore, namespace: str
    ) -> None:
        other = f"{namespace}-b"
        mine = written(await store.apply(namespace, [an_upsert("1", payload={"n": 1})]))
        theirs = written(await store.apply(other, [an_upsert("1", payload={"n": 2})]))
        assert mine.id != theirs.id
        [found] = (await store.get(namespace, [at("1")])).values()
        assert found.draft.payload == {"n": 1}
        assert await store.fetch(namespace, [theirs.id]) == {}
        assert (await store.stats(namespace)).total == 1
        await store.apply(other, [Delete(coordinate=at("1"))])
        assert set(await store.get(namespace, [at("1")])) == {at("1")}

    async def test_only_namespaces_with_a_live_memory_are_named_in_order(
        self, store: RecordStore, namespace: str
    ) -> None:
        for name in (f"{namespace}-b", f"{namespace}-a", f"{namespace}-c"):
            await store.apply(name, [an_upsert("1")])
        await store.apply(f"{namespace}-c", [Delete(coordinate=at("1"))])
        mine = [name for name in await store.namespaces() if name.startswith(namespace)]
        assert mine == [f"{namespace}-a", f"{namespace}-b"]

    async def test_memories_are_fetched_by_id(self, store: RecordStore, namespace: str) -> None:
        first = written(await store.apply(namespace, [an_upsert("1")]))
        found = await store.fetch(namespace, [first.id, uuid4()])
        assert [memory.coordinate for memory in found.values()] == [at("1")]
        assert list(found) == [first.id]

    async def test_marks_are_those_of_the_live_memories(
        self, store: RecordStore, namespace: str
    ) -> None:
        first = written(await store.apply(namespace, [an_upsert("1")]))
        gone = written(await store.apply(namespace, [an_upsert("2")]))
        await store.apply(namespace, [Delete(coordinate=at("2"))])
        asked = [first.id, gone.id, uuid4()]
        [first_row] = (await store.fetch(namespace, [first.id])).values()
        before = await store.marks(namespace, asked)
        assert before.of == {first.id: mark_of(first_row)}
        assert before.of[first.id].position == first.position
        again = written(await store.apply(namespace, [an_upsert("1", payload={"n": 2})]))
        after = await store.marks(namespace, asked)
        assert [mark.position for mark in after.of.values()] == [again.position]
        assert after.of[first.id].updated_at > first_row.updated_at
        elsewhere = await store.marks(f"{namespace}-b", asked)
        assert elsewhere.of == {}
        assert before.log == after.log == elsewhere.log != ""

    async def test_the_oldest_live_memory_with_each_content_key_is_found(
        self, store: RecordStore, namespace: str
    ) -> None:
        for name in ("3", "1", "2"):
            await store.apply(namespace, [an_upsert(name, content_key=2**48 - 1)])
        await store.apply(namespace, [an_upsert("4", content_key=5)])
        found = await store.by_content(namespace, [2**48 - 1, 5, 6])
        assert {key: memory.coordinate for key, memory in found.items()} == {
            2**48 - 1: at("3"),
            5: at("4"),
        }
        await store.apply(namespace, [Delete(coordinate=at("3")), an_upsert("1", content_key=7)])
        found = await store.by_content(namespace, [2**48 - 1])
        assert found[2**48 - 1].coordinate == at("2")
        assert await store.by_content(namespace, [2**48 - 1], without=[at("2")]) == {}
        found = await store.by_content(namespace, [5, 7], without=[at("1"), at("404")])
        assert set(found) == {5}

    async def test_stats_count_the_rows(self, store: RecordStore, namespace: str) -> None:
        writes = [
            an_upsert(f"{i}", kind=Kind.SEMANTIC if i < 2 else Kind.EPISODIC) for i in range(5)
        ]
        await store.apply(namespace, writes)
        last = written(await store.apply(namespace, [Delete(coordinate=at("4"))]))
        assert await store.stats(namespace) == StoreStats(
            total=4, episodic=2, semantic=2, deleted=1, vectors=4, position=last.position
        )


class ListingContract:
    async def test_listing_is_by_time_of_creation_in_pages(
        self, store: RecordStore, namespace: str
    ) -> None:
        for i in range(7):
            await store.apply(namespace, [an_upsert(f"{i}")])
        await store.apply(namespace, [an_upsert("0", payload={"again": True})])
        first = await store.list(namespace, ListQuery(limit=3), now=NOW)
        assert [m.coordinate.text for m in first.memories] == ["0", "1", "2"]
        everything = await listed(store, namespace, ListQuery(limit=3))
        assert [m.coordinate.text for m in everything] == [f"{i}" for i in range(7)]
        exact = await store.list(namespace, ListQuery(limit=7), now=NOW)
        assert exact.next_cursor is None

    async def test_pages_are_stable_while_others_write(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert(f"{i}") for i in range(20)])
        seen: list[str] = []
        cursor: str | None = None
        for turn in range(4):
            page = await store.list(namespace, ListQuery(limit=5, cursor=cursor), now=NOW)
            seen += [memory.coordinate.text for memory in page.memories]
            cursor = page.next_cursor
            await store.apply(
                namespace,
                [
                    an_upsert(f"{turn}", payload={"turn": turn}),
                    an_upsert(f"{turn},new"[:1] + f",{turn}"),
                    Delete(coordinate=at(f"{turn * 5 + 4}")),
                ],
            )
        assert seen == [f"{i}" for i in range(20)]

    async def test_expired_memories_are_not_listed(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(
            namespace,
            [
                an_upsert("1", expires_at=NOW),
                an_upsert("2", expires_at=NOW + timedelta(microseconds=1)),
                an_upsert("3"),
            ],
        )
        memories = await listed(store, namespace, ListQuery())
        assert [memory.coordinate.text for memory in memories] == ["2", "3"]
        assert at("1") in await store.get(namespace, [at("1")])

    async def test_kind_tag_time_and_filter_choose_what_is_listed(
        self, store: RecordStore, namespace: str
    ) -> None:
        await store.apply(
            namespace,
            [
                an_upsert("1", kind=Kind.SEMANTIC, tags=("a", "b"), payload={"n": 1}),
                an_upsert("2", occurred_at=NOW, tags=("b",), payload={"n": 2}),
                an_upsert("3", occurred_at=NOW - timedelta(days=1), payload={"n": [3, {"m": "x"}]}),
            ],
        )

        async def names(query: ListQuery) -> Sequence[str]:
            return [m.coordinate.text for m in await listed(store, namespace, query)]

        assert await names(ListQuery(kind=Kind.SEMANTIC)) == ["1"]
        assert await names(ListQuery(tag="b", limit=1)) == ["1", "2"]
        assert await names(ListQuery(since=NOW - timedelta(days=1), until=NOW)) == ["3"]
        assert await names(ListQuery(since=NOW, until=NOW + timedelta(seconds=1))) == ["2"]
        assert await names(ListQuery(filter=parse({"n": {"$gte": 2}}), limit=1)) == ["2", "3"]
        assert await names(ListQuery(filter=parse({"n.m": "x"}))) == ["3"]
        assert await names(ListQuery(filter=parse({"n": {"$ne": 3}, "@tags": "b"}))) == ["1", "2"]

    @pytest.mark.parametrize("cursor", ["", "x", "####", "AAAA", "é", "A" * 500, "f" * 32])
    async def test_a_cursor_that_is_not_ours_is_invalid(
        self, store: RecordStore, namespace: str, cursor: str
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            await store.list(namespace, ListQuery(cursor=cursor), now=NOW)
        assert caught.value.faults[0].path == "/cursor"
