"""What every Archive does; each implementation's tests inherit this.

A subclass gives the fixtures `store`, `links` and `archive`, over the same.
"""

from random import Random
from typing import Protocol

import numpy as np
import pytest

from sfm_core.importance import RESERVOIR
from sfm_core.model import Archived, CarriedSample, Cut, Delete, EventType, LinkKey, PutLink, Unlink
from sfm_core.ports import Archive, ChangeFeed, LinkStore, RecordStore
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at, written

__all__ = ["ArchiveContract", "namespace"]


class Store(RecordStore, ChangeFeed, Protocol):
    """Where memories are written, and what their normaliser is told."""


async def scanned(
    archive: Archive,
    namespace: str,
    cut: Cut | None = None,
    *,
    history: bool = False,
    revision: str | None = None,
) -> list[Archived]:
    """Every row of every page, as of the cut (default: now)."""
    cut = cut or await archive.cut(namespace)
    pages = archive.scan(namespace, cut, history=history, model_revision=revision)
    return [one async for page in pages for one in page]


def said(rows: list[Archived]) -> list[tuple[str, int, EventType | None]]:
    return [(row.coordinate.text, row.version, row.type) for row in rows]


async def _live(store: Store, links: LinkStore, namespace: str, rng: Random) -> None:
    """Some writes, of which every kind comes."""
    for _ in range(40):
        place, other = rng.sample(["1", "2", "3", "4", "5", "6"], 2)
        key = LinkKey(origin=at(place), target=at(other), type="t")
        match rng.randrange(5):
            case 0:
                await store.apply(namespace, [Delete(coordinate=at(place))])
            case 1:
                await links.apply(namespace, [PutLink(key=key, weight=rng.random() + 0.1)])
            case 2:
                await links.apply(namespace, [Unlink(key=key)])
            case _:
                await store.apply(namespace, [an_upsert(place, payload={"n": rng.random()})])


class ArchiveContract:
    async def test_of_a_namespace_nobody_wrote_to_there_is_nothing(
        self, archive: Archive, namespace: str
    ) -> None:
        assert await archive.cut(namespace) == Cut(position=0, generation=1)
        assert await scanned(archive, namespace) == []
        assert await scanned(archive, namespace, history=True) == []
        assert await archive.standing(namespace, [at("1")]) == {}

    async def test_a_scan_gives_what_lives_by_the_position_of_its_last_version(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert(c) for c in ("1", "2", "3")])
        await store.apply(namespace, [an_upsert("1", payload={"n": 2}), Delete(coordinate=at("2"))])
        found = [row for row in await scanned(archive, namespace) if row.type is not None]
        assert said(found) == [("3", 1, EventType.CREATED), ("1", 2, EventType.UPDATED)]
        stored = await store.get(namespace, [at("1"), at("3")])
        assert [row.memory for row in found] == [stored[at("3")], stored[at("1")]]
        assert all(row.latest for row in found)

    async def test_a_scan_with_history_gives_every_event(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        first = written(await store.apply(namespace, [an_upsert("1", payload={"n": 1})]))
        await store.apply(namespace, [an_upsert("1", payload={"n": 2})])
        gone = written(await store.apply(namespace, [Delete(coordinate=at("1"))]))
        found = await scanned(archive, namespace, history=True)
        assert said(found) == [
            ("1", 1, EventType.CREATED),
            ("1", 2, EventType.UPDATED),
            ("1", 3, EventType.DELETED),
        ]
        assert [row.latest for row in found] == [False, False, True]
        assert (found[0].position, found[0].at) == (first.position, first.at)
        assert found[0].memory is not None
        assert found[0].memory.draft.payload == {"n": 1}
        assert (found[2].position, found[2].at, found[2].memory) == (gone.position, gone.at, None)

    async def test_a_scan_is_of_its_cut_whatever_is_written_meanwhile(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert(f"{i}") for i in range(1200)])
        cut = await archive.cut(namespace)
        expected = await scanned(archive, namespace, cut)
        found: list[Archived] = []
        async for page in archive.scan(namespace, cut, history=False, model_revision=None):
            if not found:
                await store.apply(
                    namespace,
                    [
                        Delete(coordinate=at("1199")),
                        an_upsert("1100", payload={"new": True}),
                        an_upsert("5000"),
                    ],
                )
            found += page
        assert found == expected
        assert len(found) == 1200
        assert len(await scanned(archive, namespace, cut, history=True)) == 1200

    @pytest.mark.parametrize("seed", range(6))
    async def test_a_scan_is_what_the_history_up_to_its_cut_leaves(
        self, store: Store, links: LinkStore, archive: Archive, namespace: str, seed: int
    ) -> None:
        """Whatever became of the memories and links since: changed, ended, begun anew."""
        rng = Random(seed)
        await _live(store, links, namespace, rng)
        cut = await archive.cut(namespace)
        linked = [link async for page in archive.links(namespace, cut) for link in page]
        for _ in range(3):
            await _live(store, links, namespace, rng)
            told = await scanned(archive, namespace, cut, history=True)
            left = [row for row in told if row.latest and row.memory is not None]
            found = [row for row in await scanned(archive, namespace, cut) if row.type is not None]
            assert found == left
            again = [link async for page in archive.links(namespace, cut) for link in page]
            assert again == linked

    async def test_vectors_come_with_the_version_they_are_of(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", vector=a_vector(1)), an_upsert("2")])
        cut = await archive.cut(namespace)
        await store.apply(namespace, [an_upsert("2", vector=a_vector(3))])
        then = await scanned(archive, namespace, cut, revision=REVISION)
        assert then[0].vector is not None
        assert np.array_equal(then[0].vector, a_vector(1))
        assert then[1].vector is None, "the vector of version 1 is stored no more"
        assert [row.vector for row in await scanned(archive, namespace)] == [None] * 3
        now = await scanned(archive, namespace, revision="another")
        assert [row.vector for row in now] == [None] * 3

    async def test_of_versions_that_are_past_a_scan_gives_the_importance(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", importance=5.0)])
        await store.apply(namespace, [an_upsert("2", importance=6.0)])
        await store.apply(namespace, [an_upsert("1", importance=7.0)])
        await store.apply(namespace, [Delete(coordinate=at("2"))])
        found = await scanned(archive, namespace)
        assert said(found) == [("1", 1, None), ("2", 1, None), ("1", 2, EventType.UPDATED)]
        assert [row.importance for row in found] == [5.0, 6.0, None]

    async def test_only_the_importances_that_count_still_are_given(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        await store.apply(namespace, [an_upsert("1")])
        await store.apply(namespace, [an_upsert(f"7,{i}") for i in range(RESERVOIR - 2)])
        samples = [row for row in await scanned(archive, namespace) if row.type is None]
        assert samples == []

    async def test_kept_samples_tell_the_normaliser_in_their_order(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", importance=1.0)])
        token = await store.token()
        given = [
            CarriedSample(coordinate=at(c), version=v, importance=x)
            for c, v, x in (("2", 1, 2.0), ("3", 1, 3.0), ("2", 2, 4.0))
        ]
        kept = await archive.keep_samples(namespace, given)
        await store.apply(namespace, [an_upsert("4", importance=5.0)])
        told, _ = await store.samples(namespace, limit=RESERVOIR)
        assert [sample.importance for sample in told] == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert list(kept) == list(told[1:4])
        changes = await store.changes(token, [namespace], model_revision=REVISION)
        assert set(kept) <= set(changes.samples[namespace])
        assert [s.importance for s in (await store.samples(namespace, limit=2))[0]] == [4.0, 5.0]

    async def test_a_sample_is_kept_once_and_not_beside_its_event(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", importance=1.0)])
        known = CarriedSample(coordinate=at("1"), version=1, importance=9.0)
        new = CarriedSample(coordinate=at("1"), version=7, importance=2.0)
        assert len(await archive.keep_samples(namespace, [known, new, new])) == 1
        assert await archive.keep_samples(namespace, [new]) == []
        told, _ = await store.samples(namespace, limit=RESERVOIR)
        assert [sample.importance for sample in told] == [1.0, 2.0]

    async def test_kept_samples_are_in_scans_of_both_kinds(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        sample = CarriedSample(coordinate=at("1"), version=7, importance=2.0)
        await archive.keep_samples(namespace, [sample])
        await store.apply(namespace, [an_upsert("2")])
        for history in (False, True):
            found = await scanned(archive, namespace, history=history)
            assert [(r.coordinate.text, r.version, r.importance) for r in found] == [
                ("1", 1, None),
                ("1", 7, 2.0),
                ("2", 1, None),
            ]

    async def test_a_cut_lies_behind_all_that_was_written(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        done = written(await store.apply(namespace, [an_upsert("1")]))
        assert (await archive.cut(namespace)).position == done.position
        sample = CarriedSample(coordinate=at("1"), version=7, importance=2.0)
        [kept] = await archive.keep_samples(namespace, [sample])
        assert (await archive.cut(namespace)).position == kept.position
        assert (await archive.cut(namespace)).generation == await archive.generation(namespace) > 0

    async def test_what_stands_at_a_coordinate_is_told_of_tombstones_too(
        self, store: Store, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        gone = written(await store.apply(namespace, [Delete(coordinate=at("2"))]))
        found = await archive.standing(namespace, [at("1"), at("2"), at("3")])
        assert set(found) == {at("1"), at("2")}
        live = (await store.get(namespace, [at("1")]))[at("1")]
        assert (found[at("1")].memory, found[at("1")].version) == (live, 1)
        dead = found[at("2")]
        assert (dead.memory, dead.version, dead.updated_at) == (None, 2, gone.at)

    async def test_links_are_those_of_the_cut(
        self, store: Store, links: LinkStore, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert(c) for c in ("1", "2", "3")])
        keys = [LinkKey(origin=at("1"), target=at(c), type="t") for c in ("2", "3")]
        await links.apply(namespace, [PutLink(key=key, weight=0.5) for key in keys])
        cut = await archive.cut(namespace)
        await links.apply(namespace, [PutLink(key=keys[0], weight=0.75), Unlink(key=keys[1])])
        then = [link async for page in archive.links(namespace, cut) for link in page]
        assert [(link.key, link.weight) for link in then] == [(key, 0.5) for key in keys]
        now = await archive.cut(namespace)
        found = [link async for page in archive.links(namespace, now) for link in page]
        assert [(link.key, link.weight) for link in found] == [(keys[0], 0.75)]
        rows = await scanned(archive, namespace, now, history=True)
        assert len([row for row in rows if row.memory is not None]) == 3 == len(rows)
        standing = await archive.links_standing(
            namespace, [*keys, LinkKey(origin=at("2"), target=at("1"))]
        )
        assert {key: held.weight for key, held in standing.items()} == {
            keys[0]: 0.75,
            keys[1]: None,
        }
        assert standing[keys[0]].updated_at == found[0].updated_at

    async def test_a_link_goes_with_its_end(
        self, store: Store, links: LinkStore, archive: Archive, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        key = LinkKey(origin=at("1"), target=at("2"))
        await links.apply(namespace, [PutLink(key=key)])
        await store.apply(namespace, [Delete(coordinate=at("2"))])
        cut = await archive.cut(namespace)
        assert [page async for page in archive.links(namespace, cut)] == []
        assert (await archive.links_standing(namespace, [key]))[key].weight is None

    @pytest.mark.parametrize("history", [False, True])
    async def test_another_namespace_is_another_world(
        self, store: Store, archive: Archive, namespace: str, history: bool
    ) -> None:
        await store.apply(namespace, [an_upsert("1")])
        sample = CarriedSample(coordinate=at("1"), version=7, importance=2.0)
        await archive.keep_samples(namespace, [sample])
        assert await scanned(archive, f"{namespace}-b", history=history) == []
        assert await archive.standing(f"{namespace}-b", [at("1")]) == {}
        assert (await store.samples(f"{namespace}-b", limit=9))[0] == []
