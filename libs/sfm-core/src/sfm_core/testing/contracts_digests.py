"""What every implementation of `Digests` and `VectorMender` does.

A subclass gives the fixtures `store`, `links` and `digests` over the same.
"""

from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import pytest

from sfm_core import jsontext
from sfm_core.digesting import digest_of, link_share, memory_share, tombstone_share, vector_share
from sfm_core.model import (
    Delete,
    Digest,
    EventType,
    Kind,
    LinkKey,
    PutLink,
    Stamp,
    StoredVector,
    Unlink,
)
from sfm_core.ports import Digests, LinkStore, RecordStore, VectorMender
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at

__all__ = ["DigestsContract", "namespace"]

SAID: dict[str, Any] = {
    "payload": {"é\u2028😀": [1.0, 1e300, "|-:\x1f"], "": None},
    "kind": Kind.SEMANTIC,
    "text": "5:a|b",
    "importance": -1e300,
    "tags": ("b", "a|", "ü"),
    "session": "s|",
    "source": "",
    "occurred_at": datetime(1, 5, 8, 13, 56, 0, 123457, tzinfo=UTC),
    "expires_at": datetime(9999, 5, 8, 13, 56, 0, 999999, tzinfo=UTC),
    "pinned": True,
}
OTHERWISE: dict[str, Any] = {
    "payload": {"é\u2028😀": [1, 1e300, "|-:\x1f"], "": None},
    "kind": Kind.EPISODIC,
    "text": "5:a|c",
    "importance": 1e300,
    "tags": ("a|", "b", "ü"),
    "session": None,
    "source": "s",
    "occurred_at": None,
    "expires_at": datetime(9999, 5, 8, 13, 56, tzinfo=UTC),
    "pinned": False,
}
STAMP = Stamp(
    created_at=datetime(2024, 2, 3, 4, 5, 6, 7, tzinfo=UTC),
    updated_at=datetime(2024, 2, 3, 4, 5, 6, 8, tzinfo=UTC),
)


class Both(Digests, VectorMender, Protocol):
    pass


class DigestsContract:
    async def test_nothing_has_the_digest_of_nothing(self, digests: Both, namespace: str) -> None:
        nothing = Digest(0, 0)
        assert await digests.memories(namespace) == nothing
        assert await digests.tombstones(namespace) == nothing
        assert await digests.links(namespace) == nothing
        assert await digests.vectors(namespace, model_revision=REVISION) == nothing

    async def test_memories_are_digested_as_they_are_read(
        self, store: RecordStore, digests: Both, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1,-2.5", **SAID), an_upsert("2"), an_upsert("3")])
        await store.apply(namespace, [Delete(coordinate=at("3"))])
        await store.apply(f"{namespace}-b", [an_upsert("1")])
        live = (await store.get(namespace, [at("1,-2.5"), at("2"), at("3")])).values()
        expected = digest_of(
            memory_share(one, jsontext.dumps(one.draft.payload).decode()) for one in live
        )
        assert await digests.memories(namespace) == expected
        assert expected.count == 2

    @pytest.mark.parametrize("field", OTHERWISE)
    async def test_every_field_counts(
        self, store: RecordStore, digests: Both, namespace: str, field: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", stamp=STAMP, **SAID)])
        same = f"{namespace}-b"
        await store.apply(same, [an_upsert("1", stamp=STAMP, **SAID)])
        other = f"{namespace}-c"
        changed = SAID | {field: OTHERWISE[field]}
        await store.apply(other, [an_upsert("1", stamp=STAMP, **changed)])
        digest = await digests.memories(namespace)
        assert await digests.memories(same) == digest
        assert await digests.memories(other) != digest

    async def test_place_version_and_times_count_and_order_does_not(
        self, store: RecordStore, digests: Both, namespace: str
    ) -> None:
        seen = set()
        for number, (where, stamp) in enumerate(
            [
                ("1", STAMP),
                ("2", STAMP),
                ("1", Stamp(created_at=STAMP.created_at, updated_at=STAMP.created_at)),
                ("1", Stamp(created_at=STAMP.updated_at, updated_at=STAMP.updated_at)),
                ("1", Stamp(created_at=STAMP.created_at, updated_at=STAMP.updated_at, version=2)),
            ]
        ):
            name = f"{namespace}-{number}"
            await store.apply(name, [an_upsert(where, payload={}, stamp=stamp)])
            seen.add((await digests.memories(name)).text)
        assert len(seen) == 5
        pair = [an_upsert("1", stamp=STAMP), an_upsert("2", stamp=STAMP)]
        await store.apply(f"{namespace}-x", pair)
        await store.apply(f"{namespace}-y", pair[::-1])
        assert await digests.memories(f"{namespace}-x") == await digests.memories(f"{namespace}-y")

    async def test_tombstones_are_digested_with_their_versions_and_ends(
        self, store: RecordStore, digests: Both, namespace: str
    ) -> None:
        expired = Stamp(event=EventType.EXPIRED)
        await store.apply(namespace, [an_upsert("1"), an_upsert("2,3"), an_upsert("4")])
        await store.apply(namespace, [an_upsert("2,3")])
        await store.apply(
            namespace, [Delete(coordinate=at("1")), Delete(coordinate=at("2,3"), stamp=expired)]
        )
        assert await digests.tombstones(namespace) == digest_of(
            [
                tombstone_share(at("1"), 2, EventType.DELETED),
                tombstone_share(at("2,3"), 3, EventType.EXPIRED),
            ]
        )
        await store.apply(namespace, [an_upsert("1")])
        found = await digests.tombstones(namespace)
        assert found == digest_of([tombstone_share(at("2,3"), 3, EventType.EXPIRED)])
        others = (("2", 3, EventType.EXPIRED), ("2,3", 4, EventType.EXPIRED))
        for where, version, end in (*others, ("2,3", 3, EventType.DELETED)):
            assert digest_of([tombstone_share(at(where), version, end)]) != found

    async def test_live_links_are_digested(
        self, store: RecordStore, links: LinkStore, digests: Both, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2"), an_upsert("3")])
        keys = [LinkKey(origin=at("1"), target=at(to), type=kind) for to, kind in
                (("2", "a"), ("2", "b|"), ("3", "a"))]  # fmt: skip
        await links.apply(namespace, [PutLink(key=key, weight=0.3) for key in keys])
        await links.apply(namespace, [PutLink(key=keys[0], weight=0.1), Unlink(key=keys[2])])
        live = [link async for page in links.all(namespace) for link in page]
        found = await digests.links(namespace)
        assert found == digest_of(map(link_share, live))
        assert found.count == 2
        await links.apply(namespace, [PutLink(key=keys[1], weight=0.4)])
        assert await digests.links(namespace) != found

    async def test_vectors_are_digested_bit_by_bit(
        self, store: RecordStore, digests: Both, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1", vector=a_vector(1.0)), an_upsert("2")])
        await store.apply(namespace, [an_upsert("2", vector=a_vector(2.0)), an_upsert("3")])
        await store.apply(namespace, [Delete(coordinate=at("3"))])
        live = await store.get(namespace, [at("1"), at("2")])
        expected = digest_of(
            vector_share(live[at(where)].id.bytes, live[at(where)].version, a_vector(seed))
            for where, seed in (("1", 1.0), ("2", 2.0))
        )
        assert await digests.vectors(namespace, model_revision=REVISION) == expected
        assert await digests.vectors(namespace, model_revision="other") == Digest(0, 0)

    async def test_vectors_are_put_under_the_versions_they_are_of(
        self, store: RecordStore, digests: Both, namespace: str
    ) -> None:
        await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
        await store.apply(namespace, [an_upsert("2")])
        memories = await store.get(namespace, [at("1"), at("2")])
        given = [(one.id, 1, a_vector(5.0)) for one in memories.values()]
        assert await digests.put_vectors(namespace, given, model_revision="new") == 1
        shown = await digests.embedded(namespace, model_revision="new", after=None, limit=9)
        assert [(one.coordinate.text, one.vector) for one in shown] == [
            ("1", a_vector(5.0).tobytes()),
            ("2", None),
        ]
        rows = await store.view_rows(namespace, [one.id for one in memories.values()],
                                     model_revision="new")  # fmt: skip
        found = {row.coordinate.text: row.vector for row in rows}
        assert found["2"] is None
        assert np.array_equal(found["1"], a_vector(5.0))  # type: ignore[arg-type]

    async def test_what_is_embedded_comes_in_pages_that_end(
        self, store: RecordStore, digests: Both, namespace: str
    ) -> None:
        said: dict[str, Any] = {"text": "tea", "source": "ada", "occurred_at": STAMP.created_at}
        coords = ["1", "10", "2", "-3,4"]
        await store.apply(namespace, [an_upsert(c, **said) for c in coords] + [an_upsert("5")])
        await store.apply(namespace, [Delete(coordinate=at("5"))])
        found: list[StoredVector] = []
        behind = None
        while page := await digests.embedded(
            namespace, model_revision=REVISION, after=behind, limit=3
        ):
            assert len(page) <= 3
            found += page
            behind = page[-1].coordinate
        assert [one.coordinate.text for one in found] == sorted(coords)
        live = await store.get(namespace, [at(c) for c in coords])
        assert [(one.id, one.version) for one in found] == [
            (live[one.coordinate].id, 1) for one in found
        ]
        assert {(one.text, one.source, one.occurred_at) for one in found} == {
            ("tea", "ada", STAMP.created_at)
        }
