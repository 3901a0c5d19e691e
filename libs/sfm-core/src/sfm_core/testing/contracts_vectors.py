"""What every `VectorStore` does."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.digesting import digest_of, point_share
from sfm_core.errors import Conflict, Misconfigured
from sfm_core.filters import parse
from sfm_core.indexing.points import point_of
from sfm_core.model import F32, Kind, VectorPoint, VectorQuery, ViewRow
from sfm_core.ports import VectorStore

DIM = 8
REVISION = "model-a"
_AT = datetime(2026, 2, 3, 4, 5, 6, 789_012, UTC)


def a_vector(seed: int) -> F32:
    vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def a_row(namespace: str, number: int, **said: object) -> ViewRow:
    """A memory of its own place, at position `number` unless it says another."""
    row = ViewRow(
        namespace=namespace,
        id=UUID(int=number << 64 | zlib.crc32(namespace.encode())),
        coordinate=Coordinate(str(number)),
        version=1,
        position=number,
        payload=f'{{"n":{number},"even":{str(number % 2 == 0).lower()}}}',
        created_at=_AT,
        updated_at=_AT,
        vector=a_vector(number),
    )
    return replace(row, **said)  # type: ignore[arg-type]


def a_point(namespace: str, number: int, **said: object) -> VectorPoint:
    point = point_of(a_row(namespace, number, **said), generation=1, model_revision=REVISION)
    assert point is not None
    return point


def a_tombstone(namespace: str, number: int, position: int) -> VectorPoint:
    return a_point(namespace, number, position=position, version=2, deleted=True)


def a_query(seed: int = 1, **said: object) -> VectorQuery:
    query = VectorQuery(vector=a_vector(seed), model_revision=REVISION, limit=10)
    return replace(query, **said)  # type: ignore[arg-type]


class VectorsContract:
    """Subclass with a fixture `vectors`: a store that was prepared for `DIM` numbers."""

    @pytest.fixture
    def ns(self) -> str:
        return f"t-{uuid4().hex[:12]}"

    async def test_the_nearest_come_first_with_their_cosines(
        self, vectors: VectorStore, ns: str
    ) -> None:
        points = [a_point(ns, number) for number in range(1, 41)]
        await vectors.put(ns, points)
        query = a_query(99, limit=7)
        hits = await vectors.search(ns, query)
        cosines = {point.id: _cosine(point, query) for point in points}
        nearest = sorted(cosines, key=lambda memory: -cosines[memory])
        assert [hit.id for hit in hits] == nearest[:7]
        assert [hit.score for hit in hits] == pytest.approx([cosines[hit.id] for hit in hits])
        assert [hit.position for hit in hits] == [hit.id.int >> 64 for hit in hits]

    async def test_ties_go_by_id_also_at_the_limit(self, vectors: VectorStore, ns: str) -> None:
        same = a_vector(5)
        points = [a_point(ns, number, vector=same) for number in range(1, 61)]
        await vectors.put(ns, points[::-1])
        hits = await vectors.search(ns, a_query(limit=3))
        assert [hit.id for hit in hits] == [point.id for point in points[:3]]

    async def test_nothing_is_found_where_nothing_is(self, vectors: VectorStore, ns: str) -> None:
        await vectors.put(ns, [])
        assert await vectors.search(ns, a_query()) == []
        assert await vectors.held(ns) == 0
        assert await vectors.positions(ns, after=None, limit=5) == []
        assert await vectors.digest(ns) == digest_of([])

    async def test_an_older_position_changes_nothing(self, vectors: VectorStore, ns: str) -> None:
        new = a_point(ns, 1, position=9, version=4, kind=Kind.SEMANTIC)
        for stale in (a_point(ns, 1, position=8, version=3), a_tombstone(ns, 1, 7)):
            await vectors.put(ns, [new])
            await vectors.put(ns, [stale])
            assert await vectors.positions(ns, after=None, limit=5) == [(new.id, 9, False)]
        [hit] = await vectors.search(ns, a_query(kind=Kind.SEMANTIC))
        assert hit.position == 9

    async def test_of_a_batch_each_point_is_fenced_by_its_own_position(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1, position=50), a_point(ns, 2, position=90)])
        batch = [a_point(ns, 3), a_point(ns, 1, position=70), a_point(ns, 2, position=80)]
        await vectors.put(ns, batch)
        held = await vectors.positions(ns, after=None, limit=5)
        assert [(memory.int >> 64, position) for memory, position, _ in held] == [
            (1, 70),
            (2, 90),
            (3, 3),
        ]

    async def test_of_a_memory_twice_in_a_batch_the_newer_stays(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1, position=6), a_point(ns, 1, position=5)])
        assert [mark[1] for mark in await vectors.positions(ns, after=None, limit=5)] == [6]

    async def test_the_same_position_again_mends_what_is_there(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1, vector=a_vector(7))])
        await vectors.put(ns, [a_point(ns, 1, vector=a_vector(8))])
        [hit] = await vectors.search(ns, a_query(8))
        assert hit.score == pytest.approx(1.0)

    async def test_a_deleted_memory_stays_deleted(self, vectors: VectorStore, ns: str) -> None:
        memory = a_point(ns, 1)
        await vectors.put(ns, [memory])
        await vectors.put(ns, [a_tombstone(ns, 1, 2)])
        await vectors.put(ns, [memory])
        assert await vectors.search(ns, a_query()) == []
        assert await vectors.held(ns) == 1
        assert await vectors.positions(ns, after=None, limit=5) == [(memory.id, 2, True)]
        assert await vectors.digest(ns) == digest_of([])
        restored = a_point(ns, 1, position=3)
        await vectors.put(ns, [restored])
        assert [hit.id for hit in await vectors.search(ns, a_query())] == [memory.id]

    async def test_a_tombstone_that_comes_first_keeps_its_memory_out(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_tombstone(ns, 1, 2)])
        await vectors.put(ns, [a_point(ns, 1)])
        assert await vectors.search(ns, a_query()) == []

    async def test_namespaces_are_apart(self, vectors: VectorStore, ns: str) -> None:
        other = f"{ns}-b"
        await vectors.put(ns, [a_point(ns, 1)])
        await vectors.put(other, [a_point(other, 2), a_point(other, 3)])
        assert [hit.id.int >> 64 for hit in await vectors.search(ns, a_query())] == [1]
        await vectors.remove(ns, [a_point(other, 2).id])
        assert await vectors.forget(ns, position=100) == 1
        assert await vectors.held(ns) == 0
        assert await vectors.held(other) == 2

    async def test_vectors_of_another_model_are_not_compared(
        self, vectors: VectorStore, ns: str
    ) -> None:
        point = a_point(ns, 1)
        await vectors.put(ns, [replace(point, model_revision="model-b")])
        assert await vectors.search(ns, a_query()) == []
        await vectors.put(ns, [point])
        assert [hit.id for hit in await vectors.search(ns, a_query())] == [point.id]

    @pytest.mark.parametrize(
        ("raw", "found"),
        [
            ({"@kind": "semantic"}, [3, 6]),
            ({"@kind": {"$ne": "semantic"}}, [1, 2, 4, 5, 7]),
            ({"@tags": "tea"}, [1, 2]),
            ({"@tags": {"$in": ["tea", "ada"]}}, [1, 2, 4]),
            ({"@tags": {"$exists": False}}, [3, 5, 6, 7]),
            ({"@tags": {"$contains": "te"}}, [1, 2]),
            ({"@session": "s1", "n": {"$gt": 2}}, [5]),
            ({"@session": {"$nin": ["s1"]}}, [3, 4, 6, 7]),
            ({"@source": {"$gte": "b"}}, [2]),
            ({"@pinned": True}, [7]),
            ({"@importance": 0.1}, [6]),
            ({"@occurred_at": {"$lt": _AT.isoformat()}}, [4]),
            ({"@occurred_at": _AT.isoformat()}, [1, 2, 3, 5, 6, 7]),
            ({"@created_at": {"$gt": _AT.isoformat()}}, []),
            ({"even": True}, [2, 4, 6]),
            ({"$or": [{"n": {"$in": [1, 7]}}, {"@kind": "semantic"}]}, [1, 3, 6, 7]),
            ({"$not": {"$or": [{"even": True}, {"@tags": "tea"}]}}, [3, 5, 7]),
            ({"$not": {"@tags": {"$in": []}}}, [1, 2, 3, 4, 5, 6, 7]),
            ({"@tags": {"$in": []}}, []),
            ({}, [1, 2, 3, 4, 5, 6, 7]),
        ],
    )
    async def test_filters_mean_here_what_they_mean_everywhere(
        self, vectors: VectorStore, ns: str, raw: object, found: Sequence[int]
    ) -> None:
        await vectors.put(ns, _various(ns))
        hits = await vectors.search(ns, a_query(filter=parse(raw)))
        assert sorted(hit.id.int >> 64 for hit in hits) == found

    async def test_a_filter_is_applied_before_the_limit(
        self, vectors: VectorStore, ns: str
    ) -> None:
        near = [a_point(ns, number, vector=a_vector(1)) for number in range(1, 81)]
        far = a_point(ns, 100, vector=-a_vector(1), session="far", payload='{"rare":1}')
        await vectors.put(ns, [*near, far])
        for raw in ({"@session": "far"}, {"rare": 1}):
            [hit] = await vectors.search(ns, a_query(filter=parse(raw), limit=1))
            assert hit.id == far.id

    async def test_what_has_expired_is_left_out_to_the_microsecond(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1, expires_at=_AT), a_point(ns, 2)])
        before = _AT - timedelta(microseconds=1)
        for now, found in ((None, 2), (before, 2), (_AT, 1)):
            assert len(await vectors.search(ns, a_query(now=now))) == found

    async def test_marks_come_in_pages_by_id(self, vectors: VectorStore, ns: str) -> None:
        points = [a_point(ns, number) for number in (5, 1, 4, 2, 3)]
        await vectors.put(ns, points)
        await vectors.put(ns, [a_tombstone(ns, 4, 9)])
        seen: list[tuple[int, int, bool]] = []
        after: UUID | None = None
        while page := await vectors.positions(ns, after=after, limit=2):
            assert len(page) <= 2
            after = page[-1][0]
            seen += [(memory.int >> 64, position, deleted) for memory, position, deleted in page]
        assert seen == [(1, 1, False), (2, 2, False), (3, 3, False), (4, 9, True), (5, 5, False)]

    async def test_the_digest_is_of_live_points_and_their_positions(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1), a_point(ns, 2)])
        await vectors.put(ns, [a_tombstone(ns, 2, 3), a_point(ns, 1, position=4)])
        assert await vectors.digest(ns) == digest_of([point_share(a_point(ns, 1).id.bytes, 4)])

    async def test_removed_points_are_gone_with_their_fences(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1, position=9), a_point(ns, 2)])
        await vectors.remove(ns, [a_point(ns, 1).id, uuid4()])
        assert await vectors.held(ns) == 1
        await vectors.put(ns, [a_point(ns, 1, position=5)])
        assert await vectors.held(ns) == 2

    async def test_a_forgotten_namespace_is_gone_and_what_comes_late_is_not_taken(
        self, vectors: VectorStore, ns: str
    ) -> None:
        await vectors.put(ns, [a_point(ns, 1), a_tombstone(ns, 2, 3), a_point(ns, 8)])
        assert await vectors.forget(ns, position=5) == 2
        assert await vectors.held(ns) == 1
        with pytest.raises(Conflict):
            await vectors.put(ns, [a_point(ns, 1), a_point(ns, 4), a_point(ns, 9)])
        held = await vectors.positions(ns, after=None, limit=9)
        assert [memory.int >> 64 for memory, _, _ in held] == [8, 9]
        assert await vectors.forget(ns, position=2) == 0
        with pytest.raises(Conflict):
            await vectors.put(ns, [a_point(ns, 4)])
        assert await vectors.held(ns) == 2
        assert await vectors.floor(ns) == 5
        await vectors.lower(ns, position=3)
        await vectors.put(ns, [a_point(ns, 4)])
        assert (await vectors.held(ns), await vectors.floor(ns)) == (3, 3)
        await vectors.lower(ns, position=0)
        assert await vectors.floor(ns) == 0

    async def test_it_answers(self, vectors: VectorStore) -> None:
        await vectors.ping()

    async def test_vectors_of_another_length_are_refused_when_it_is_prepared(
        self, vectors: VectorStore
    ) -> None:
        await vectors.prepare(dim=DIM)
        with pytest.raises(Misconfigured):
            await vectors.prepare(dim=DIM + 1)


def _cosine(point: VectorPoint, query: VectorQuery) -> float:
    assert point.vector is not None
    return float(np.dot(point.vector, query.vector))


def _various(ns: str) -> Sequence[VectorPoint]:
    return [
        a_point(ns, 1, tags=("tea", "green"), session="s1"),
        a_point(ns, 2, tags=("tea",), session="s1", source="bob"),
        a_point(ns, 3, kind=Kind.SEMANTIC),
        a_point(ns, 4, tags=("ada",), source="ada", occurred_at=_AT - timedelta(microseconds=1)),
        a_point(ns, 5, session="s1"),
        a_point(ns, 6, kind=Kind.SEMANTIC, importance=0.1),
        a_point(ns, 7, pinned=True, importance=0.30000000000000004),
    ]
