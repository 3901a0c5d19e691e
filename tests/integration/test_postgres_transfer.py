"""Export, erase, import over PostgreSQL; kills, tenants, and what is held in memory meanwhile."""

import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import httpx
import orjson
import pytest

from sfm_core import decode
from sfm_core.adapters.postgres.pool import connect, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate
from sfm_core.errors import Conflict
from sfm_core.factory import open_runtime
from sfm_core.model import LinkKey, PutLink
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from tests.integration.test_api_process import environment, started
from tests.unit.sfm_api.api_client import AUTHORIZED
from tests.unit.sfm_core.transfer.transfers import (
    answers,
    body,
    exported,
    imported,
    lines,
    memories_of,
)

pytestmark = pytest.mark.integration

HEADERS = AUTHORIZED | {"Content-Type": "application/x-ndjson"}
TABLES = (
    "memories, memory_vectors, memory_events, links, idempotency_keys, importance_samples,"
    " namespaces"
)


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[Runtime]:
    settings = CoreSettings(postgres_url=Secret(dsn), embedder="hash")
    async with open_runtime(settings) as runtime:
        yield runtime


async def store(runtime: Runtime, namespace: str, place: str, **memory: object) -> None:
    draft = decode.memory_draft({"payload": {"at": place}, **memory})
    await runtime.remember.store(namespace, Coordinate.parse(place), draft)


async def filled(runtime: Runtime, namespace: str) -> None:
    """Some lives: stored over, deleted, restored, expiring, linked, of a session."""
    for i in range(40):
        said = {"said": f"Ada drinks {'green' if i % 3 else 'black'} tea {i}", "n": [i, {"x": 0.1}]}
        at = f"2024-01-{1 + i % 28:02d}T00:00:00.000{i:03d}Z"
        fields = {"session": f"s{i % 4}", "occurred_at": at} if i % 2 else {"pinned": True}
        await store(runtime, namespace, f"{i},-1.5", payload=said, importance=i * 1.7, **fields)
    for i in range(0, 40, 3):
        await store(runtime, namespace, f"{i},-1.5", payload={"v": "over"}, importance=1e6 + i)
    for i in range(0, 40, 5):
        await runtime.remember.delete(namespace, Coordinate.parse(f"{i},-1.5"))
    await store(runtime, namespace, "0,-1.5", payload={"v": "again"})
    await store(runtime, namespace, "77", text="never mind", expires_at="2090-01-01T00:00:00Z")
    for place, end in (("78", "0001-01-01T00:00:00Z"), ("79", "9999-12-31T23:59:59.999999Z")):
        await store(runtime, namespace, place, payload={"tea": place}, occurred_at=end)
    await store(runtime, namespace, "80", text="tea at last", expires_at=end)
    for origin, target in (("1", "2"), ("2", "1"), ("1", "4")):
        ends = [Coordinate.parse(f"{end},-1.5") for end in (origin, target)]
        put = PutLink(key=LinkKey(origin=ends[0], target=ends[1], type="next"), weight=0.3)
        await runtime.graph.link(namespace, put)


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("vectors", [False, True])
async def test_export_erase_import_gives_the_same_answers(
    fresh_database: str, history: bool, vectors: bool
) -> None:
    async with opened(fresh_database) as runtime:
        await filled(runtime, "a")
        file = await exported(runtime, "a", history=history, vectors=vectors)
        before = await answers(runtime, "a")
    connection = await connect(fresh_database)
    await connection.execute(f"TRUNCATE {TABLES}")
    await connection.close()
    async with opened(fresh_database) as runtime:
        await imported(runtime, "other", b"")
        *results, summary = await imported(runtime, "a", file)
        assert (summary["complete"], summary["failed"]) == (True, 0)
        assert await answers(runtime, "a") == before
        again = await exported(runtime, "a", history=history, vectors=vectors)
        assert memories_of(again) == memories_of(file)
        *_, second = await imported(runtime, "a", file)
        assert second["unchanged"] == len(results)
        assert (await runtime.records.stats("a")).links == 3
    async with opened(fresh_database) as runtime:  # also as another process loads it
        assert await answers(runtime, "a") == before


async def test_tenants_do_not_meet(fresh_database: str) -> None:
    async with opened(fresh_database) as runtime:
        await filled(runtime, "a")
        await store(runtime, "b", "1", payload={"secret": "of b"})
        before = await answers(runtime, "b"), body(await exported(runtime, "b", history=True))
        assert b"secret" not in await exported(runtime, "a", history=True, vectors=True)
        await imported(runtime, "a", await exported(runtime, "a"))
        assert (
            await answers(runtime, "b"),
            body(await exported(runtime, "b", history=True)),
        ) == before


async def test_an_erasure_is_noticed_by_what_is_under_way(fresh_database: str) -> None:
    async with opened(fresh_database) as runtime:
        await filled(runtime, "a")
        pieces = runtime.exports.lines("a")
        await anext(pieces)
        await new_life(fresh_database)
        with pytest.raises(Conflict, match="erased"):
            async for _ in pieces:
                pass

        async def source() -> AsyncIterator[bytes]:
            for i in range(1500):
                if i == 1200:
                    await new_life(fresh_database)
                yield b'{"coordinate":[%d],"payload":{}}\n' % i

        found = [one async for part in runtime.imports.results("a", source()) for one in part]
        assert found[-1]["lines"] == 1000
        assert found[-1]["error"]["status"] == 409  # type: ignore[index]
        assert (await runtime.records.stats("a")).total < 1100


async def new_life(dsn: str) -> None:
    connection = await connect(dsn)
    await connection.execute("UPDATE namespaces SET generation = generation + 1")
    await connection.close()


async def test_a_killed_import_is_finished_by_running_it_again(fresh_database: str) -> None:
    file = [b'{"coordinate":[%d],"payload":{"n":%d}}\n' % (i, i) for i in range(4000)]
    env = environment(POSTGRES_URL=fresh_database)
    with started(env) as api:

        async def sent() -> AsyncIterator[bytes]:
            for line in file:
                yield line
            api.process.kill()  # all is sent, most of it not stored yet
            yield b"\n"

        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=api.url, headers=HEADERS) as client:
                await client.post("/v1/a/import", content=sent())
        api.process.wait(10)
    async with opened(fresh_database) as runtime:
        seen = (await runtime.records.stats("a")).total
        assert seen % 500 == 0, "a batch is written whole or not at all"
        summary = (await imported(runtime, "a", file))[-1]
        assert (summary["created"], summary["unchanged"]) == (4000 - seen, seen)
        stored = lines(await exported(runtime, "a", history=True))[1:-1]
        assert len(stored) == 4000
        assert {line["version"] for line in stored} == {1}


async def test_memory_does_not_grow_with_the_namespace(fresh_database: str) -> None:
    """Peaks of what Python holds, for a namespace and for one four times as large."""

    async def source(count: int) -> AsyncIterator[bytes]:
        for i in range(count):
            yield b'{"coordinate":[%d],"payload":{"said":"%s"}}\n' % (i, b"tea " * 60)

    async def peaks(runtime: Runtime, namespace: str, count: int) -> tuple[int, int]:
        async for _ in runtime.imports.results(namespace, source(500)):
            pass  # what is made once
        tracemalloc.start()
        async for _ in runtime.imports.results(namespace, source(count)):
            pass
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        async for _ in runtime.exports.lines(namespace, vectors=True):
            pass
        given = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken, given

    async with opened(fresh_database) as runtime:
        small = await peaks(runtime, "small", 2000)
        large = await peaks(runtime, "large", 8000)
        for one, four in zip(small, large, strict=True):
            assert four < one * 1.5 + 2**20, (small, large)


async def test_a_cancelled_import_ends_after_the_batch_in_hand(fresh_database: str) -> None:
    async with opened(fresh_database) as runtime:
        begun = anyio.Event()

        async def source() -> AsyncIterator[bytes]:
            for i in range(1000):
                yield b'{"coordinate":[%d],"payload":{}}\n' % i
            begun.set()
            await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                async for _ in runtime.imports.results("a", source()):
                    pass

            tasks.start_soon(run)
            await begun.wait()
            tasks.cancel_scope.cancel()
        assert (await runtime.records.stats("a")).total == 1000
        assert orjson.loads((await exported(runtime, "a")).splitlines()[-1])["memories"] == 1000


PAST = """
    INSERT INTO memory_events (
        namespace, seq, event_id, memory_id, coord, type, version, at, importance, body, xid
    )
    SELECT 'a', nextval('memory_log') - 1000000, gen_random_uuid(), memory_id, coord, type, -n, at,
           NULL, body, 0
    FROM memory_events, generate_series(1, 300) AS n
"""
"""Three hundred earlier versions of each memory and link."""


@pytest.mark.parametrize(
    ("statement", "arguments"), [("scan_current", ("r", 500, 10**6)), ("scan_links", (500,))]
)
async def test_an_export_reads_what_lives_or_changed_since_and_not_the_log(
    fresh_database: str, statement: str, arguments: tuple[object, ...]
) -> None:
    async with opened(fresh_database) as runtime:
        keys = [
            LinkKey(origin=Coordinate.parse("0"), target=Coordinate.parse(f"{i}"), type="t")
            for i in range(1, 8)
        ]
        for i in range(8):
            await store(runtime, "a", f"{i}")
        for key in keys:
            await runtime.graph.link("a", PutLink(key=key, weight=0.5))
        connection = await connect(fresh_database)
        await connection.execute("SELECT set_config('sfm.namespace', 'a', false)")
        await connection.execute(PAST)
        await connection.execute("ANALYZE")
        await connection.close()
        cut = await runtime.imports.landing.archive.cut("a")
        await store(runtime, "a", "1", payload={"v": "after the cut"})
        await runtime.graph.link("a", PutLink(key=keys[0], weight=0.7))
    sql = f"EXPLAIN (ANALYZE, FORMAT JSON) {load_queries('archive')[statement]}"
    async with open_pool(fresh_database, size=1) as pool, pool.paged("a") as reading:
        found = await reading.fetchval(sql, "a", -(10**7), cut.position, *arguments)
    assert 7 <= _rows_read(orjson.loads(found)[0]["Plan"], "memory_events") < 40


def _rows_read(plan: dict[str, Any], table: str) -> float:
    """How many rows of the table the plan looked at, those that a filter removed too."""
    inner = sum(_rows_read(one, table) for one in plan.get("Plans", ()))
    if plan.get("Relation Name") != table:
        return inner
    looked_at = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return inner + float(looked_at * plan["Actual Loops"])
