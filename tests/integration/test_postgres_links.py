"""Links over PostgreSQL: other processes, a restart, tenants, and the planner."""

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import anyio
import anyio.lowlevel
import pytest

from sfm_core.adapters.postgres import link_rows
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.coordinates import memory_id
from sfm_core.errors import NotFound
from sfm_core.factory import MemoryMode, create_memory_system
from sfm_core.model import Delete, NeighborQuery
from sfm_core.system import MemorySystem
from sfm_core.testing.fakes import EPOCH
from sfm_core.testing.links import a_link, every
from sfm_core.testing.writes import an_upsert, at

pytestmark = pytest.mark.integration

WRITES = load_queries("writes")
LINKS = load_queries("links")
BEFORE_ALL = (UUID(int=0), UUID(int=0), "")


def a_system(dsn: str, namespace: str = "acme") -> MemorySystem:
    config = {"postgres_url": dsn, "embedder": "hash", "feed_interval_seconds": 0.05}
    return create_memory_system(MemoryMode.EVENTED_ENTERPRISE, namespace, config)


async def way(memory: MemorySystem, origin: str, target: str, **asked: int | str) -> list[str]:
    return [at.text for at in (await memory.path(origin, target, **asked)).coordinates]


@asynccontextmanager
async def two_of(dsn: str) -> AsyncGenerator[tuple[MemorySystem, MemorySystem]]:
    """Two processes' worth of one namespace, with three memories."""
    async with a_system(dsn) as one, a_system(dsn) as other:
        for place in ("1", "2", "3"):
            await one.store(place, {"n": place})
        yield one, other


async def test_another_process_sees_each_change_once_it_waits_for_it(fresh_database: str) -> None:
    async with two_of(fresh_database) as (one, other):
        assert await way(other, "1", "3") == []
        await one.link("1", "2")
        made = await one.link("2", "3")
        assert await way(other, "1", "3", min_position=made.link.position) == ["1", "2", "3"]
        gone = await one.unlink("1", "2")
        assert await way(other, "1", "3", min_position=gone.position) == []
        await other.link("1", "2")
        assert await way(other, "1", "3") == ["1", "2", "3"]
        deleted = await other.delete("2")
        back = await other.store("2", {"n": "again"})
        assert back.position > deleted.position
        assert await way(other, "1", "3") == []
        assert await way(one, "1", "3", min_position=back.position) == []
        assert (await one.stats())["links"] == 0


async def test_a_recall_of_another_process_follows_new_links(fresh_database: str) -> None:
    async with two_of(fresh_database) as (one, other):
        await one.store("8", {"said": "zeppelin"})
        await one.store("9", {"said": "quartz lamp"})
        made = await one.link("9", "8")
        asked = {"graph_hops": 1, "min_position": made.link.position, "explain": True}
        found = await other.recall("zeppelin", include=["links"], **asked)
        hits = {hit.memory.coordinate.text: hit for hit in found.hits}
        explained = hits["9"].explanation
        assert explained is not None
        assert explained.parts["graph"] > 0.0
        assert [n.coordinate.text for n in hits["9"].links or ()] == ["8"]


async def test_links_survive_a_restart(fresh_database: str) -> None:
    async with a_system(fresh_database) as memory:
        for place in ("1", "2", "3"):
            await memory.store(place, {"n": place})
        await memory.link("1", "2", weight=4)
        await memory.link("2", "3", weight=4)
        await memory.link("1", "3", type="far", weight=0.5)
        await memory.store("2", {"n": "two"})
        before = (await memory.path("1", "3"), await memory.neighbors("2"))
    async with a_system(fresh_database) as memory:
        assert (await memory.path("1", "3"), await memory.neighbors("2")) == before
        assert before[0].weight == 2.0
        assert await way(memory, "1", "3", type="far") == ["1", "3"]


async def test_tenants_have_no_links_in_common(fresh_database: str) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(a_system(fresh_database, "acme"))
        other = await stack.enter_async_context(a_system(fresh_database, "other"))
        for memory in (one, other):
            await memory.store("1", {"n": 1})
            await memory.store("2", {"n": 2})
        await one.store("3", {"n": 3})
        await one.link("1", "2")
        await one.link("2", "3")
        assert await way(other, "1", "2") == []
        assert (await other.neighbors("1")).neighbors == ()
        with pytest.raises(NotFound):
            await other.link("2", "3")
        await other.delete("1")
        assert await way(one, "1", "3") == ["1", "2", "3"]
        async with open_pool(fresh_database, size=2) as pool, pool.scoped("other") as connection:
            if await pool.rls_enforced():
                assert await connection.fetchval("SELECT count(*) FROM links") == 0


async def test_deletes_of_both_ends_at_once_end_their_links_once(fresh_database: str) -> None:
    async with open_pool(fresh_database, size=8) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        places = [f"{n}" for n in range(12)]
        await store.apply("acme", [an_upsert(place) for place in places])
        await links.apply(
            "acme",
            [a_link(a, b, type=kind) for a in places for b in places if a != b for kind in "xy"],
        )
        ended: list[int] = []

        async def delete(place: str) -> None:
            applied = await store.apply("acme", [Delete(coordinate=at(place))])
            ended.append(len(applied.unlinked))

        async with anyio.create_task_group() as tasks:
            for place in places:
                tasks.start_soon(delete, place)
        assert sum(ended) == 12 * 11 * 2
        assert await every(links, "acme") == {}


async def test_a_delete_waits_for_the_link_that_is_being_made(fresh_database: str) -> None:
    async with open_pool(fresh_database, size=4) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        await store.apply("acme", [an_upsert("1"), an_upsert("2")])
        done = anyio.Event()

        async def delete() -> None:
            await store.apply("acme", [Delete(coordinate=at("2"))])
            done.set()

        async with (
            anyio.create_task_group() as tasks,
            pool.unscoped() as connection,
            connection.transaction(),
        ):
            row = await connection.fetchrow(WRITES["enter_single"], "acme")
            await connection.fetch(LINKS["hold_ends"], "acme", ["1", "2"], None)
            tasks.start_soon(delete)
            with anyio.fail_after(10):
                while not done.is_set() and not await _somebody_waits(pool):
                    await anyio.lowlevel.checkpoint()
            ends = memory_id("acme", at("1")), memory_id("acme", at("2"))
            await connection.fetchrow(LINKS["put_link"], "acme", *ends, "related", 1.0, row["xid"])
        assert await every(links, "acme") == {}


async def _somebody_waits(pool: Pool) -> bool:
    async with pool.unscoped() as connection:
        waiting = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(waiting)


@pytest.mark.parametrize(
    ("topic", "name", "arguments", "index"),
    [
        ("links", "changed_links", (10**12, ["a"]), "links_changed"),
        ("links", "load_links", ("a", UUID(int=255 << 120), UUID(int=0), "", 5000), "links_pkey"),
        (
            "links",
            "neighbors",
            ("a", [UUID(int=1)], None, None, EPOCH, 10, None, None, None, None),
            "links_to",
        ),
        ("links", "hold_links", ("a", [UUID(int=1)]), "links_to"),
        ("links", "unlink_out", ("a", [UUID(int=1)], 1, *BEFORE_ALL, 9), "links_pkey"),
        ("links", "unlink_in", ("a", [UUID(int=1)], 1, *BEFORE_ALL, 9), "links_to"),
        (
            "links",
            "read_links",
            ("a", [UUID(int=1)], [UUID(int=2)], ["x"]),
            "links_pkey",
        ),
    ],
)
async def test_row_level_security_keeps_the_indexes_of_links_in_use(
    topic: str, name: str, arguments: tuple[object, ...], index: str, linked_database: str
) -> None:
    async with open_pool(linked_database, size=1) as pool, pool.scoped("*") as connection:
        rows = await connection.fetch(f"EXPLAIN {load_queries(topic)[name]}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert index in plan, plan
    assert "Seq Scan on links" not in plan, plan


@pytest.fixture(scope="module")
def linked_database(module_database: str) -> str:
    async def fill() -> None:
        async with open_pool(module_database, size=2) as pool:
            store, links = PostgresStore(pool), PostgresLinks(pool)
            await store.apply("a", [an_upsert(f"{n}") for n in range(300)])
            await links.apply(
                "a",
                [a_link(f"{n}", f"{(n + step) % 300}") for n in range(300) for step in (1, 7, 31)],
            )
            async with pool.unscoped() as connection:
                await connection.execute("ANALYZE memories, links")

    anyio.run(fill)
    return module_database


async def test_a_hub_is_read_in_pages(fresh_database: str) -> None:
    async with open_pool(fresh_database, size=1) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        await store.apply("acme", [an_upsert(f"{n}") for n in range(500)])
        changes = [a_link("0", f"{n}", float(n % 7 + 1)) for n in range(1, 500)]
        await links.apply("acme", changes)
        hub, seen = memory_id("acme", at("0")), set[UUID]()
        query = NeighborQuery(limit=90)
        while True:
            page = await links.neighbors("acme", hub, query, now=EPOCH)
            assert not seen & {n.id for n in page.neighbors}
            seen |= {n.id for n in page.neighbors}
            if page.next_cursor is None:
                break
            query = NeighborQuery(limit=90, cursor=page.next_cursor)
        assert len(seen) == 499


async def test_a_hub_ends_in_portions_that_are_made_off_the_loop(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing, incoming = 1500, 1200
    portions: list[tuple[int, bool]] = []
    loop = threading.get_ident()
    made = link_rows.events

    def counted(namespace: str, changed: Sequence[Any]) -> tuple[object, ...]:
        portions.append((len(changed), threading.get_ident() == loop))
        return made(namespace, changed)

    async with open_pool(fresh_database, size=2) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        await store.apply("acme", [an_upsert(f"{n}") for n in range(outgoing + 1)])
        await links.apply("acme", [a_link("0", f"{n}") for n in range(1, outgoing + 1)])
        await links.apply("acme", [a_link(f"{n}", "0") for n in range(1, incoming + 1)])
        await links.apply("acme", [a_link("1", "2")])
        monkeypatch.setattr(link_rows, "events", counted)
        applied = await store.apply("acme", [Delete(coordinate=at("0"))])
        assert portions == [(500, False)] * 5 + [(200, False)]
        assert len({(row.origin, row.target) for row in applied.unlinked}) == outgoing + incoming
        assert len(await every(links, "acme")) == 1
        async with pool.scoped("acme") as connection:
            told = await connection.fetchval(
                "SELECT count(DISTINCT memory_id) FROM memory_events WHERE type = 'unlinked'"
            )
        assert told == outgoing + incoming


async def test_of_a_great_hub_a_write_tells_only_so_many_links(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_rows, "MOST_SHOWN", 70)
    async with open_pool(fresh_database, size=1) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        await store.apply("acme", [an_upsert(f"{n}") for n in range(101)])
        await links.apply("acme", [a_link("0", f"{n}") for n in range(1, 101)])
        applied = await store.apply("acme", [Delete(coordinate=at("0"))])
        assert len(applied.unlinked) == 70
        assert await every(links, "acme") == {}
