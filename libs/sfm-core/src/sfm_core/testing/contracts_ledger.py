"""What every implementation of `Ledger` does.

A subclass gives the fixtures `store`, `ledger`, `eraser` and `mender` over the same.
"""

from sfm_core.coordinates import memory_id
from sfm_core.digesting import digest_of, point_share, version_share
from sfm_core.model import Delete, Digest, LedgerRow, LedgerSum
from sfm_core.ports import Eraser, Ledger, RecordStore, VectorMender
from sfm_core.testing.contracts_store import namespace
from sfm_core.testing.writes import REVISION, a_vector, an_upsert, at, written

__all__ = ["LedgerContract", "namespace"]

_NOTHING = Digest(0, 0)


class LedgerContract:
    async def test_nothing_sums_up_to_nothing(self, ledger: Ledger, namespace: str) -> None:
        found = await ledger.sums(namespace, model_revision=REVISION)
        assert found == LedgerSum(points=_NOTHING, versions=_NOTHING, unembedded=0)
        assert await ledger.rows(namespace, model_revision=REVISION, after=None, limit=9) == []

    async def test_live_memories_are_summed_up_by_position_and_by_version(
        self, store: RecordStore, ledger: Ledger, namespace: str
    ) -> None:
        one = written(await store.apply(namespace, [an_upsert("1")]))
        await store.apply(namespace, [an_upsert("2")])
        two = written(await store.apply(namespace, [an_upsert("2", model_revision="other")]))
        await store.apply(namespace, [an_upsert("3")])
        await store.apply(namespace, [Delete(coordinate=at("3"))])
        await store.apply(f"{namespace}-b", [an_upsert("1")])
        found = await ledger.sums(namespace, model_revision=REVISION)
        assert found.points == digest_of(
            [point_share(one.id.bytes, one.position), point_share(two.id.bytes, two.position)]
        )
        assert found.versions == digest_of([version_share(one.id.bytes, 1)])
        assert found.unembedded == 1

    async def test_rows_come_in_pages_by_id_tombstones_too(
        self, store: RecordStore, ledger: Ledger, namespace: str
    ) -> None:
        coordinates = [str(n) for n in range(7)]
        await store.apply(namespace, [an_upsert(c) for c in coordinates])
        other = written(await store.apply(namespace, [an_upsert("5", model_revision="other")]))
        gone = written(await store.apply(namespace, [Delete(coordinate=at("6"))]))
        found: list[LedgerRow] = []
        while page := await ledger.rows(
            namespace, model_revision=REVISION, after=found[-1].id if found else None, limit=3
        ):
            assert len(page) <= 3
            found += page
        assert [row.id for row in found] == sorted(memory_id(namespace, at(c)) for c in coordinates)
        by_id = {row.id: row for row in found}
        assert by_id[other.id] == LedgerRow(
            id=other.id, position=other.position, deleted=False, embedded=False
        )
        assert by_id[gone.id] == LedgerRow(
            id=gone.id, position=gone.position, deleted=True, embedded=False
        )
        rest = [row for row in found if row.id not in (other.id, gone.id)]
        assert all(row.embedded and not row.deleted for row in rest)

    async def test_whatever_is_written_makes_its_namespace_changed(
        self,
        store: RecordStore,
        ledger: Ledger,
        eraser: Eraser,
        mender: VectorMender,
        namespace: str,
    ) -> None:
        one = written(await store.apply(namespace, [an_upsert("1")]))
        await store.apply(f"{namespace}-b", [an_upsert("1")])
        for change in ("stored", "embedded", "deleted", "erased"):
            token = await store.token()  # type: ignore[attr-defined]  # it is the feed too
            match change:
                case "stored":
                    await store.apply(namespace, [an_upsert("2")])
                case "embedded":
                    given = [(one.id, 1, a_vector(3.0))]
                    await mender.put_vectors(namespace, given, model_revision="new")
                case "deleted":
                    await store.apply(namespace, [Delete(coordinate=at("1"))])
                case _:
                    await eraser.erase(namespace)
            found = await ledger.changed(token)
            assert namespace in found, change
            assert f"{namespace}-b" not in found, change
        token = await store.token()  # type: ignore[attr-defined]  # as above
        assert namespace not in await ledger.changed(token)

    async def test_a_namespace_that_was_erased_is_still_named(
        self, store: RecordStore, ledger: Ledger, eraser: Eraser, namespace: str
    ) -> None:
        assert namespace not in await ledger.spaces()
        await store.apply(namespace, [an_upsert("1")])
        await eraser.erase(namespace)
        names = await ledger.spaces()
        assert namespace in names
        assert list(names) == sorted(names)
