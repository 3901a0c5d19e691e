"""What every LinkStore does; each implementation's tests inherit this.

A subclass gives the fixtures `store`, where memories are written, and `links`, over the same.
"""

from datetime import timedelta

import pytest

from sfm_core.coordinates import Coordinate, event_id, link_id, memory_id
from sfm_core.errors import InvalidInput, NotFound
from sfm_core.model import (
    Delete,
    Direction,
    EventType,
    LinkChange,
    NeighborQuery,
    Stamp,
    Unlink,
)
from sfm_core.ports import LinkStore
from sfm_core.testing.contracts_feed import Store
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.fakes import EPOCH
from sfm_core.testing.links import a_key, a_link, around, every, linked
from sfm_core.testing.writes import an_upsert, at, written

__all__ = ["LinkStoreContract", "memories", "namespace"]

LATER = EPOCH + timedelta(days=1)


@pytest.fixture
async def memories(store: Store, namespace: str) -> list[Coordinate]:
    writes = [an_upsert(f"{n}") for n in range(1, 6)]
    await store.apply(namespace, writes)
    return [write.coordinate for write in writes]


class LinkStoreContract:
    @pytest.mark.usefixtures("memories")
    async def test_a_link_is_there_with_its_ends_its_type_and_its_weight(
        self, links: LinkStore, namespace: str
    ) -> None:
        done = linked(await links.apply(namespace, [a_link("1", "2", 2.5, type="cause d")]))
        assert (done.version, done.changed, done.type) == (1, True, EventType.LINKED)
        assert done.coordinate == at("1")
        assert done.id == link_id(namespace, at("1"), at("2"), "cause d")
        assert done.event_id == event_id(done.id, 1, "linked")
        found = await every(links, namespace)
        assert list(found) == [("1", "2", "cause d")]
        link = found["1", "2", "cause d"]
        assert (link.weight, link.version, link.id) == (2.5, 1, done.id)
        assert (link.position, link.created_at, link.updated_at) == (
            done.position, done.created_at, done.at,
        )  # fmt: skip

    @pytest.mark.usefixtures("memories")
    async def test_linking_again_changes_the_weight_or_nothing(
        self, links: LinkStore, namespace: str
    ) -> None:
        first = linked(await links.apply(namespace, [a_link("1", "2")]))
        same = linked(await links.apply(namespace, [a_link("1", "2")]))
        assert (same.changed, same.version, same.position) == (False, 1, first.position)
        assert same.event_id == first.event_id
        other = linked(await links.apply(namespace, [a_link("1", "2", 3.0)]))
        assert (other.changed, other.version, other.created_at) == (True, 2, first.created_at)
        assert other.position > first.position
        assert (await every(links, namespace))["1", "2", "related"].weight == 3.0

    @pytest.mark.usefixtures("memories")
    async def test_several_types_and_both_directions_join_the_same_two(
        self, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(
            namespace,
            [a_link("1", "2"), a_link("1", "2", 2.0, type="likes"), a_link("2", "1", 4.0)],
        )
        await links.apply(namespace, [Unlink(key=a_key("1", "2"))])
        assert set(await every(links, namespace)) == {("1", "2", "likes"), ("2", "1", "related")}

    @pytest.mark.usefixtures("memories")
    async def test_unlinking_twice_is_once_and_versions_go_on(
        self, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(namespace, [a_link("1", "2")])
        gone = linked(await links.apply(namespace, [Unlink(key=a_key("1", "2"))]))
        again = linked(await links.apply(namespace, [Unlink(key=a_key("1", "2"))]))
        assert (gone.version, gone.changed, gone.type) == (2, True, EventType.UNLINKED)
        assert (again.version, again.changed, again.position) == (2, False, gone.position)
        assert await every(links, namespace) == {}
        back = linked(await links.apply(namespace, [a_link("1", "2")]))
        assert (back.version, back.changed, back.created_at) == (3, True, back.at)
        never = linked(await links.apply(namespace, [Unlink(key=a_key("2", "1"))]))
        assert (never.version, never.changed, never.position) == (0, False, 0)

    @pytest.mark.usefixtures("memories")
    async def test_a_link_needs_two_living_ends(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await store.apply(namespace, [Delete(coordinate=at("3"))])
        await store.apply(namespace, [an_upsert("4", expires_at=EPOCH)])
        for change, end in (
            (a_link("1", "9"), "to"),
            (a_link("9", "1"), "from"),
            (a_link("1", "3"), "to"),
            (a_link("4", "1"), "from"),
            (Unlink(key=a_key("1", "9")), "to"),
        ):
            [outcome] = (await links.apply(namespace, [change], now=EPOCH)).outcomes
            assert isinstance(outcome, NotFound)
            assert outcome.context["end"] == end
        parted = linked(await links.apply(namespace, [Unlink(key=a_key("1", "3"))], now=EPOCH))
        assert not parted.changed
        assert await every(links, namespace) == {}

    @pytest.mark.parametrize(
        "change",
        [
            a_link("1", "2", 0.0),
            a_link("1", "2", -1.0),
            a_link("1", "2", float("inf")),
            a_link("1", "2", float("nan")),
            a_link("1", "2", type="a\x00b"),
            a_link("1", "2", type="\ud800"),
            a_link("1", "1"),
        ],
    )
    @pytest.mark.usefixtures("memories")
    async def test_what_is_no_link_is_refused_before_anything_is_written(
        self, links: LinkStore, namespace: str, change: LinkChange
    ) -> None:
        with pytest.raises(InvalidInput):
            await links.apply(namespace, [a_link("3", "4"), change])
        assert await every(links, namespace) == {}

    @pytest.mark.parametrize("weight", [5e-324, 1e-310, 0.1, 1.7976931348623157e308])
    @pytest.mark.usefixtures("memories")
    async def test_weights_are_kept_to_the_bit(
        self, links: LinkStore, namespace: str, weight: float
    ) -> None:
        await links.apply(namespace, [a_link("1", "2", weight)])
        again = linked(await links.apply(namespace, [a_link("1", "2", weight)]))
        assert not again.changed
        assert (await every(links, namespace))["1", "2", "related"].weight == weight

    @pytest.mark.usefixtures("memories")
    async def test_links_go_with_a_deleted_end_one_event_each(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(
            namespace,
            [a_link("1", "2"), a_link("2", "1", 2.0), a_link("2", "3", 3.0), a_link("3", "1")],
        )
        applied = await store.apply(namespace, [Delete(coordinate=at("2"))])
        gone = written(applied)
        assert set(await every(links, namespace)) == {("3", "1", "related")}
        assert (await store.stats(namespace)).links == 1
        assert sorted((row.weight, row.version, row.deleted) for row in applied.unlinked) == [
            (1.0, 2, True), (2.0, 2, True), (3.0, 2, True),
        ]  # fmt: skip
        assert all(row.position > gone.position for row in applied.unlinked)
        again = await store.apply(namespace, [Delete(coordinate=at("2"))])
        assert again.unlinked == ()

    @pytest.mark.usefixtures("memories")
    async def test_an_expired_end_takes_its_links_along_and_a_stored_one_keeps_them(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(namespace, [a_link("1", "2"), a_link("3", "4")])
        kept = await store.apply(namespace, [an_upsert("3", payload={"n": 2})], now=EPOCH)
        restored = an_upsert("4", stamp=Stamp(event=EventType.RESTORED))
        kept_too = await store.apply(namespace, [restored], now=EPOCH)
        assert kept.unlinked == kept_too.unlinked == ()
        expire = Delete(coordinate=at("1"), stamp=Stamp(event=EventType.EXPIRED))
        assert len((await store.apply(namespace, [expire])).unlinked) == 1
        assert set(await every(links, namespace)) == {("3", "4", "related")}

    @pytest.mark.usefixtures("memories")
    async def test_a_memory_that_comes_back_has_no_links_of_its_earlier_life(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", expires_at=EPOCH)])
        await links.apply(namespace, [a_link("1", "2"), a_link("3", "2")])
        revived = await store.apply(namespace, [an_upsert("1")], now=LATER)
        assert written(revived).type is EventType.CREATED
        assert len(revived.unlinked) == 1
        await store.apply(namespace, [Delete(coordinate=at("3"))])
        back = an_upsert("3", stamp=Stamp(event=EventType.RESTORED))
        await store.apply(namespace, [back])
        assert await every(links, namespace) == {}

    @pytest.mark.usefixtures("memories")
    async def test_a_batch_that_deletes_both_ends_ends_their_link_once(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(namespace, [a_link("1", "2"), a_link("2", "3")])
        applied = await store.apply(
            namespace, [Delete(coordinate=at("1")), an_upsert("5"), Delete(coordinate=at("2"))]
        )
        assert len(applied.unlinked) == 2
        assert await every(links, namespace) == {}

    @pytest.mark.usefixtures("memories")
    async def test_a_write_that_is_undone_leaves_the_links(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(namespace, [a_link("1", "2")])
        writes = [Delete(coordinate=at("1")), Delete(coordinate=at("99"))]
        await store.apply(namespace, writes, all_or_none=True)
        assert set(await every(links, namespace)) == {("1", "2", "related")}

    @pytest.mark.usefixtures("memories")
    async def test_neighbors_are_the_strongest_first_and_can_be_narrowed(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("5", expires_at=EPOCH)])
        await links.apply(
            namespace,
            [
                a_link("1", "2", 1.0),
                a_link("3", "1", 3.0),
                a_link("1", "3", 2.0, type="likes"),
                a_link("1", "5", 9.0),
                a_link("2", "3", 9.0),
            ],
        )
        assert await around(links, namespace, "1") == [
            ("in", "3", "related", 3.0), ("out", "3", "likes", 2.0), ("out", "2", "related", 1.0),
        ]  # fmt: skip
        assert await around(links, namespace, "1", direction=Direction.IN) == [
            ("in", "3", "related", 3.0)
        ]
        assert await around(links, namespace, "1", type="likes", direction=Direction.OUT) == [
            ("out", "3", "likes", 2.0)
        ]
        assert await around(links, namespace, "1", type="hates") == []
        assert await around(links, f"{namespace}-other", "1") == []

    @pytest.mark.usefixtures("memories")
    async def test_pages_of_neighbors_give_each_link_once(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        others = [f"{n},7" for n in range(30)]
        await store.apply(namespace, [an_upsert(other) for other in others])
        await links.apply(
            namespace,
            [a_link("1", other, float(n % 4 + 1)) for n, other in enumerate(others)]
            + [a_link(other, "1", float(n % 3 + 1)) for n, other in enumerate(others)],
        )
        memory, seen = memory_id(namespace, at("1")), []
        query = NeighborQuery(limit=7)
        while True:
            page = await links.neighbors(namespace, memory, query, now=EPOCH)
            seen += [(n.weight, n.id, n.type, n.direction.value) for n in page.neighbors]
            if page.next_cursor is None:
                break
            query = NeighborQuery(limit=7, cursor=page.next_cursor)
        assert len(seen) == len(set(seen)) == 60
        assert seen == sorted(seen, key=lambda one: (-one[0], *one[1:]))
        of = await links.of(namespace, [memory, memory_id(namespace, at("2"))], limit=5, now=EPOCH)
        assert list(of) == [memory]
        assert [(n.weight, n.id, n.type, n.direction.value) for n in of[memory]] == seen[:5]

    @pytest.mark.parametrize("cursor", ["", "x", "bm8=", "WzEsMl0=", "é"])
    async def test_a_made_up_cursor_is_refused(
        self, links: LinkStore, namespace: str, cursor: str
    ) -> None:
        query = NeighborQuery(cursor=cursor)
        with pytest.raises(InvalidInput, match="cursor"):
            await links.neighbors(namespace, memory_id(namespace, at("1")), query, now=EPOCH)
