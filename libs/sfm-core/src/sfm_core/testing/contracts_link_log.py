"""What every LinkStore leaves in the log and the feed, and what becomes of calls at once.

A subclass gives the fixtures `store`, `links` and `log`, over the same.
"""

from uuid import UUID

import anyio
import pytest

from sfm_core.coordinates import event_id, memory_id
from sfm_core.errors import KeyReused, NotFound
from sfm_core.model import (
    Delete,
    EventType,
    Link,
    LinksApplied,
    Receipt,
    Unlink,
    Written,
)
from sfm_core.ports import EventLog, LinkStore
from sfm_core.testing.contracts_feed import Store
from sfm_core.testing.contracts_links import memories
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.links import a_key, a_link, every, linked
from sfm_core.testing.writes import REVISION, an_upsert, at

__all__ = ["LinkLogContract", "memories", "namespace"]


class LinkLogContract:
    @pytest.mark.usefixtures("memories")
    async def test_a_receipt_replays_the_first_outcome(
        self, links: LinkStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"1")
        first = await links.apply(namespace, [a_link("1", "2")], receipt=receipt)
        await links.apply(namespace, [Unlink(key=a_key("1", "2"))])
        again = await links.apply(namespace, [a_link("1", "2")], receipt=receipt)
        assert (again.replayed, again.outcomes) == (True, first.outcomes)
        assert [(row.version, row.deleted) for row in again.rows] == [(2, True)]
        assert await every(links, namespace) == {}
        other = Receipt(key="k", fingerprint=b"2")
        with pytest.raises(KeyReused):
            await links.apply(namespace, [a_link("1", "2")], receipt=other)

    @pytest.mark.usefixtures("memories")
    async def test_a_failure_keeps_no_receipt(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"1")
        [refused] = (await links.apply(namespace, [a_link("1", "9")], receipt=receipt)).outcomes
        assert isinstance(refused, NotFound)
        await store.apply(namespace, [an_upsert("9")])
        assert linked(await links.apply(namespace, [a_link("1", "9")], receipt=receipt)).changed

    @pytest.mark.usefixtures("memories")
    async def test_the_feed_tells_of_links_and_of_their_end(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await links.apply(namespace, [a_link("1", "2"), a_link("3", "4")])
        token = await store.token()
        await links.apply(namespace, [a_link("1", "2", 2.0)])
        await links.apply(namespace, [Unlink(key=a_key("3", "4"))])
        await links.apply(namespace, [a_link("4", "5")])
        last = await store.apply(namespace, [Delete(coordinate=at("5"))])
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        rows = {(row.origin, row.target): row for row in changes.links}
        ids = {n: memory_id(namespace, at(f"{n}")) for n in range(1, 6)}
        assert {
            key: (row.weight, row.version, row.deleted, row.namespace) for key, row in rows.items()
        } == {
            (ids[1], ids[2]): (2.0, 2, False, namespace),
            (ids[3], ids[4]): (1.0, 2, True, namespace),
            (ids[4], ids[5]): (1.0, 2, True, namespace),
        }
        assert changes.positions[namespace] == max(row.position for row in last.unlinked)
        loaded = [row async for batch in store.load_links(namespace) for row in batch]
        assert [(row.origin, row.target, row.version) for row in loaded] == [(ids[1], ids[2], 2)]
        other = await store.changes(token, [f"{namespace}-b"], model_revision=REVISION)
        assert other.links == ()

    @pytest.mark.usefixtures("memories")
    async def test_64_at_once_make_one_link_and_count_its_changes(
        self, links: LinkStore, namespace: str
    ) -> None:
        done: list[Written] = []

        async def one(n: int) -> None:
            change = a_link("1", "2", float(n % 4 + 1))
            done.append(linked(await links.apply(namespace, [change])))

        async with anyio.create_task_group() as tasks:
            for n in range(64):
                tasks.start_soon(one, n)
        changed = [one for one in done if one.changed]
        assert sorted(one.version for one in changed) == list(range(1, len(changed) + 1))
        by_version = sorted(changed, key=lambda one: one.version)
        positions = [one.position for one in by_version]
        assert positions == sorted(positions)
        [link] = (await every(links, namespace)).values()
        assert (link.version, link.position) == (len(changed), positions[-1])

    async def test_no_link_outlives_an_end_that_was_deleted_meanwhile(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        places = [f"{n}" for n in range(16)]
        await store.apply(namespace, [an_upsert(place) for place in places])

        async def link(n: int) -> None:
            await links.apply(namespace, [a_link(places[n % 16], places[(n * 7 + 1) % 16])])

        async def delete(n: int) -> None:
            await store.apply(namespace, [Delete(coordinate=at(places[n]))])

        async with anyio.create_task_group() as tasks:
            for n in range(64):
                if n % 16 != (n * 7 + 1) % 16:
                    tasks.start_soon(link, n)
                if n % 8 == 0:
                    tasks.start_soon(delete, n // 8)
        gone = {at(places[n]) for n in range(8)}
        left = await every(links, namespace)
        assert not [key for key in left if {at(key[0]), at(key[1])} & gone]
        assert (await store.stats(namespace)).links == len(left)

    @pytest.mark.usefixtures("memories")
    async def test_the_same_key_at_once_is_written_once(
        self, links: LinkStore, namespace: str
    ) -> None:
        receipt = Receipt(key="k", fingerprint=b"1")
        applied: list[LinksApplied] = []

        async def one() -> None:
            applied.append(await links.apply(namespace, [a_link("1", "2")], receipt=receipt))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(one)
        assert sum(not one.replayed for one in applied) == 1
        assert len({linked(one).event_id for one in applied}) == 1

    @pytest.mark.usefixtures("memories")
    async def test_replaying_the_events_gives_the_links(
        self, store: Store, links: LinkStore, log: EventLog, namespace: str
    ) -> None:
        for n in range(40):
            origin, target = f"{n % 5 + 1}", f"{(n * 3 + n // 5) % 5 + 1}"
            if origin == target:
                await store.apply(namespace, [Delete(coordinate=at(origin))])
                await store.apply(namespace, [an_upsert(origin)])
            elif n % 7 == 3:
                await links.apply(namespace, [Unlink(key=a_key(origin, target))])
            else:
                await links.apply(namespace, [a_link(origin, target, float(n % 3 + 1))])
        replayed: dict[tuple[str, str, str], Link] = {}
        versions: dict[UUID, int] = {}
        for event in (await log.page(namespace, after=0, limit=500)).events:
            if event.link is None:
                continue
            assert event.memory is None
            assert event.version == versions.get(event.memory_id, 0) + 1
            assert event.event_id == event_id(event.memory_id, event.version, event.type)
            versions[event.memory_id] = event.version
            key = event.link.key
            assert (event.coordinate, event.memory_id) == (key.origin, event.link.id)
            name = (key.origin.text, key.target.text, key.type)
            replayed.pop(name, None)
            if event.type is EventType.LINKED:
                replayed[name] = event.link
        assert replayed == await every(links, namespace)
        assert len(versions) > 5

    async def test_importances_are_no_matter_of_links(
        self, store: Store, links: LinkStore, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        token = await store.token()
        done = linked(await links.apply(namespace, [a_link("1", "2")]))
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        assert not changes.samples.get(namespace)
        samples, position = await store.samples(namespace, limit=512)
        assert (len(samples), position) == (2, done.position)
