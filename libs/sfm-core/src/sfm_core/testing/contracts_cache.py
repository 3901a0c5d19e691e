"""What every `Cache` does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from sfm_core.coordinates import Coordinate
from sfm_core.model import Kind, Memory, MemoryDraft
from sfm_core.ports import Cache

_AT = datetime(2026, 2, 3, 4, 5, 6, 789, UTC)
FULL = Memory(
    namespace="acme",
    coordinate=Coordinate("1,-2.5,1e+300"),
    id=UUID("0f1e2d3c-4b5a-4697-8877-665544332211"),
    version=3,
    position=17,
    draft=MemoryDraft(
        payload={"said": "grün ☕", "n": 2**63 - 1, "x": 0.1, "deep": [{"a": None, "b": [True]}]},
        kind=Kind.SEMANTIC,
        text="Ada drinks tea",
        importance=0.25,
        tags=("tea", "ada"),
        session="s",
        source="ada",
        occurred_at=_AT.astimezone(timezone(timedelta(hours=5, minutes=30))),
        expires_at=_AT + timedelta(days=9000),
        pinned=True,
    ),
    text="Ada drinks tea",
    created_at=_AT,
    updated_at=_AT + timedelta(seconds=1),
)
PLAIN = replace(
    FULL, id=UUID(int=7), draft=MemoryDraft(payload={}), text="", coordinate=Coordinate("0")
)


class CacheContract:
    """Subclass with a fixture `cache`."""

    @pytest.fixture
    def ns(self) -> str:
        return f"t-{uuid4().hex[:12]}"

    async def test_what_is_kept_comes_back_equal(self, cache: Cache, ns: str) -> None:
        rows = [replace(FULL, namespace=ns), replace(PLAIN, namespace=ns)]
        await cache.keep(ns, rows)
        assert await cache.fetch(ns, [FULL.id, PLAIN.id, uuid4()]) == {r.id: r for r in rows}

    async def test_nothing_is_asked_for_nothing(self, cache: Cache, ns: str) -> None:
        await cache.keep(ns, [])
        await cache.forget(ns, {})
        assert await cache.fetch(ns, []) == {}

    async def test_the_newest_is_held_whatever_the_order_of_telling(
        self, cache: Cache, ns: str
    ) -> None:
        old, new = (
            replace(FULL, namespace=ns, version=v, position=p) for v, p in ((3, 9), (4, 10))
        )
        await cache.keep(ns, [new])
        await cache.keep(ns, [old])
        assert await cache.fetch(ns, [FULL.id]) == {FULL.id: new}
        newest = replace(new, version=5, position=101)
        await cache.keep(ns, [newest])
        assert await cache.fetch(ns, [FULL.id]) == {FULL.id: newest}

    async def test_what_was_let_go_does_not_come_back_with_a_late_keep(
        self, cache: Cache, ns: str
    ) -> None:
        row = replace(FULL, namespace=ns)
        await cache.keep(ns, [row])
        await cache.forget(ns, {row.id: row.position + 1})
        await cache.keep(ns, [row])
        assert await cache.fetch(ns, [row.id]) == {}
        stored_anew = replace(row, version=5, position=row.position + 2)
        await cache.keep(ns, [stored_anew])
        assert await cache.fetch(ns, [row.id]) == {row.id: stored_anew}

    async def test_letting_go_late_does_not_take_what_is_newer(self, cache: Cache, ns: str) -> None:
        row = replace(FULL, namespace=ns)
        await cache.keep(ns, [row])
        await cache.forget(ns, {row.id: row.position - 1})
        assert await cache.fetch(ns, [row.id]) == {row.id: row}

    async def test_namespaces_are_apart(self, cache: Cache, ns: str) -> None:
        row, other = replace(FULL, namespace=ns), replace(FULL, namespace=f"{ns}-b", version=9)
        await cache.keep(ns, [row])
        await cache.keep(f"{ns}-b", [other])
        assert await cache.drop(ns, position=row.position) == 1
        assert await cache.fetch(ns, [row.id]) == {}
        assert await cache.fetch(f"{ns}-b", [row.id]) == {row.id: other}

    async def test_logs_are_apart_whatever_their_positions(self, cache: Cache, ns: str) -> None:
        ours = replace(FULL, namespace=ns)
        theirs = replace(ours, version=1, position=ours.position - 1, text="theirs")
        cache.turn_to("ours")
        await cache.keep(ns, [ours])
        cache.turn_to("theirs")
        assert cache.log == "theirs"
        assert await cache.fetch(ns, [ours.id]) == {}
        await cache.keep(ns, [theirs])
        assert await cache.fetch(ns, [ours.id]) == {ours.id: theirs}
        await cache.forget(ns, {ours.id: ours.position + 1})
        cache.turn_to("ours")
        assert await cache.fetch(ns, [ours.id]) == {ours.id: ours}

    async def test_a_dropped_namespace_is_gone_of_all_logs(self, cache: Cache, ns: str) -> None:
        row = replace(FULL, namespace=ns)
        for log in ("before", "after"):
            cache.turn_to(log)
            await cache.keep(ns, [row])
        assert await cache.drop(ns, position=row.position) == 2
        for log in ("before", "after"):
            cache.turn_to(log)
            assert await cache.fetch(ns, [row.id]) == {}

    async def test_a_dropped_namespace_takes_nothing_of_before(self, cache: Cache, ns: str) -> None:
        row = replace(FULL, namespace=ns)
        assert await cache.drop(ns, position=row.position) == 0
        await cache.keep(ns, [row])
        assert await cache.fetch(ns, [row.id]) == {}
        after = replace(row, version=1, position=row.position + 1)
        await cache.keep(ns, [after])
        assert await cache.fetch(ns, [row.id]) == {row.id: after}

    async def test_many_are_dropped_and_counted(self, cache: Cache, ns: str) -> None:
        rows = [replace(PLAIN, namespace=ns, id=UUID(int=i)) for i in range(2500)]
        for start in range(0, 2500, 500):
            await cache.keep(ns, rows[start : start + 500])
        assert await cache.drop(ns, position=PLAIN.position) == 2500
        assert await cache.fetch(ns, [row.id for row in rows[:100]]) == {}
