"""What every port that writes does about what was begun before an erasure.

A subclass gives the fixtures `store`, `links`, `eraser`, `archive`, `mender` and `accesses` over
the same.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pytest

from sfm_core.coordinates import memory_id
from sfm_core.errors import Conflict
from sfm_core.model import (
    Access,
    CarriedSample,
    Delete,
    Keep,
    LinkKey,
    Precondition,
    PutLink,
    Receipt,
    Unlink,
)
from sfm_core.ports import AccessStore, Archive, Eraser, LinkStore, RecordStore, VectorMender
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at

__all__ = ["WRITES", "FenceContract", "Ports", "namespace"]

_KEY: Final = LinkKey(origin=at("1"), target=at("2"))
_RECEIPT: Final = Receipt(key="k", fingerprint=b"f")
_FIRST_VERSION: Final = Precondition(version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All that writes to a namespace, and the generation that was noted."""

    store: RecordStore
    links: LinkStore
    archive: Archive
    mender: VectorMender
    accesses: AccessStore
    namespace: str
    generation: int | None


async def _store(on: Ports) -> None:
    write = an_upsert("7")
    await on.store.apply(on.namespace, [write], receipt=_RECEIPT, generation=on.generation)


async def _store_if_match(on: Ports) -> None:
    write = an_upsert("1", precondition=_FIRST_VERSION)
    await on.store.apply(on.namespace, [write], generation=on.generation)


async def _delete(on: Ports) -> None:
    write = Delete(coordinate=at("1"))
    await on.store.apply(on.namespace, [write], receipt=_RECEIPT, generation=on.generation)


async def _delete_if_match(on: Ports) -> None:
    writes = [Delete(coordinate=at(n), precondition=_FIRST_VERSION) for n in ("1", "2")]
    await on.store.apply(on.namespace, writes, generation=on.generation)


async def _end_of_many(on: Ports) -> None:
    await on.store.apply(on.namespace, [], receipt=_RECEIPT, generation=on.generation)


async def _first_outcome(on: Ports) -> None:
    ask = [Keep(coordinate=at("1"), precondition=Precondition(absent=True, version=1))]
    await on.store.apply(on.namespace, ask, receipt=_RECEIPT, generation=on.generation)


async def _link(on: Ports) -> None:
    put = [PutLink(key=_KEY)]
    await on.links.apply(on.namespace, put, receipt=_RECEIPT, generation=on.generation)


async def _links(on: Ports) -> None:
    puts = [PutLink(key=_KEY), PutLink(key=LinkKey(origin=at("2"), target=at("1")))]
    await on.links.apply(on.namespace, puts, generation=on.generation)


async def _unlink(on: Ports) -> None:
    ends = [Unlink(key=LinkKey(origin=at("2"), target=at("1"), type="stands"))]
    await on.links.apply(on.namespace, ends, generation=on.generation)


async def _samples(on: Ports) -> None:
    samples = [CarriedSample(coordinate=at("1"), version=9, importance=5.0)]
    await on.archive.keep_samples(on.namespace, samples, generation=on.generation)


async def _vectors(on: Ports) -> None:
    vectors = [(memory_id(on.namespace, at("1")), 1, a_vector(2.0))]
    await on.mender.put_vectors(
        on.namespace, vectors, model_revision=REVISION, generation=on.generation
    )


async def _accesses(on: Ports) -> None:
    accesses = [Access(id=memory_id(on.namespace, at("1")), hits=3, last_at=datetime.now(UTC))]
    await on.accesses.add(on.namespace, accesses, generation=on.generation)


WRITES: Final[Mapping[str, Callable[[Ports], Awaitable[None]]]] = {
    "store": _store,
    "store if match": _store_if_match,
    "delete": _delete,
    "delete many": _delete_if_match,
    "end of delete many": _end_of_many,
    "first outcome": _first_outcome,
    "link": _link,
    "links": _links,
    "unlink": _unlink,
    "samples": _samples,
    "vectors": _vectors,
    "accesses": _accesses,
}
"""Every way to write there is. Each has an effect on the memories `1` and `2` at version 1, and a
link of type `stands` from 2 to 1."""


async def begin_a_life(store: RecordStore, links: LinkStore, namespace: str) -> None:
    await store.apply(namespace, [an_upsert("1"), an_upsert("2")])
    stands = LinkKey(origin=at("2"), target=at("1"), type="stands")
    await links.apply(namespace, [PutLink(key=stands)])


class FenceContract:
    @pytest.fixture
    def ports(
        self,
        store: RecordStore,
        links: LinkStore,
        archive: Archive,
        mender: VectorMender,
        accesses: AccessStore,
        namespace: str,
    ) -> Callable[[int | None], Ports]:
        def noting(generation: int | None) -> Ports:
            return Ports(
                store=store,
                links=links,
                archive=archive,
                mender=mender,
                accesses=accesses,
                namespace=namespace,
                generation=generation,
            )

        return noting

    @pytest.mark.parametrize("write", WRITES)
    async def test_what_was_begun_in_one_life_changes_nothing_in_the_next(
        self, ports: Callable[[int | None], Ports], eraser: Eraser, write: str
    ) -> None:
        on = ports(None)
        await begin_a_life(on.store, on.links, on.namespace)
        noted = await on.store.generation(on.namespace)
        assert await on.archive.generation(on.namespace) == noted
        await eraser.erase(on.namespace)
        await begin_a_life(on.store, on.links, on.namespace)
        before = await on.store.view_rows(
            on.namespace, [memory_id(on.namespace, at("1"))], model_revision=REVISION
        )
        with pytest.raises(Conflict, match="erased"):
            await WRITES[write](ports(noted))
        after = await on.store.view_rows(
            on.namespace, [memory_id(on.namespace, at("1"))], model_revision=REVISION
        )
        assert [(r.version, r.vector is None or r.vector.tolist()) for r in after] == [
            (r.version, r.vector is None or r.vector.tolist()) for r in before
        ]
        there = {one.store: one.removed for one in (await eraser.erase(on.namespace)).stores}
        assert there == {
            "memories": 2,
            "vectors": 2,
            "events": 3,
            "links": 1,
            "receipts": 0,
            "accesses": 0,
            "importances": 0,
            "wal": 0,
        }

    @pytest.mark.parametrize("write", WRITES)
    async def test_what_is_begun_in_this_life_is_done(
        self, ports: Callable[[int | None], Ports], eraser: Eraser, write: str
    ) -> None:
        on = ports(None)
        await eraser.erase(on.namespace)
        await begin_a_life(on.store, on.links, on.namespace)
        await WRITES[write](ports(await on.store.generation(on.namespace)))
