"""Views put aside and taken back over PostgreSQL: equal to ones built from scratch."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.view_files import DiskViewFiles
from sfm_core.coordinates import Coordinate
from sfm_core.model import MemoryDraft, Mode, RecallQuery, StoreItem
from sfm_core.owned import OwnedJobs
from sfm_core.recall.engine import RecallEngine
from sfm_core.recall.saved_views import fingerprint
from sfm_core.remember import Commits, Remember
from sfm_core.runtime.clock import SystemClock
from sfm_core.testing.fakes import RecordingTelemetry
from tests.servers.postgres import TestPostgres
from tests.unit.sfm_core.recall.test_engine import as_bytes

pytestmark = pytest.mark.integration
WORDS = ("tea", "rain", "Lisbon", "violin", "garden")


class Opened:
    def __init__(
        self, engine: RecallEngine, remember: Remember, telemetry: RecordingTelemetry
    ) -> None:
        self.engine, self.remember, self.telemetry = engine, remember, telemetry

    async def answers(self) -> list[bytes]:
        asked = [
            RecallQuery(query="tea in Lisbon", mode=mode, top_k=50, explain=True) for mode in Mode
        ]
        return [as_bytes(one) for one in await self.engine.recall_many("acme", asked)]

    def snapshots(self) -> list[str]:
        name = "view_snapshots_total"
        return [labels["event"] for n, _, labels in self.telemetry.counted if n == name]

    async def fill(self, count: int, *, of: int = 0) -> None:
        items = [
            StoreItem(
                coordinate=Coordinate.of([n]),
                draft=MemoryDraft(
                    payload={"said": f"{WORDS[n % 5]} and {WORDS[(n + of) % 3]}"},
                    session=f"s{n % 9}",
                    importance=float((n + of) % 11),
                ),
            )
            for n in range(count)
        ]
        await self.remember.store_many("acme", items)


@asynccontextmanager
async def an_engine(dsn: str, folder: Path | None) -> AsyncGenerator[Opened]:
    embedder, clock, telemetry = HashEmbedder(), SystemClock(), RecordingTelemetry()
    async with open_pool(dsn, size=4) as pool:
        store = PostgresStore(pool, dim=embedder.info.dim)
        async with (
            RecallEngine.open(
                records=store,
                feed=store,
                embedder=embedder,
                clock=clock,
                telemetry=telemetry,
                files=None if folder is None else DiskViewFiles(folder),
                log=store,
            ) as engine,
            OwnedJobs.open() as jobs,
        ):
            commits = Commits(records=store, embedder=embedder, applied=engine.views, jobs=jobs)
            remember = Remember(records=store, embedder=embedder, clock=clock, commits=commits)
            yield Opened(engine, remember, telemetry)


@pytest.fixture
async def put_aside(fresh_database: str, tmp_path: Path) -> Path:
    async with an_engine(fresh_database, tmp_path) as first:
        await first.fill(600)
        await first.answers()
    assert (tmp_path / "acme.view").exists()
    return tmp_path


async def test_a_view_taken_back_equals_one_built_from_scratch(
    fresh_database: str, put_aside: Path
) -> None:
    async with an_engine(fresh_database, None) as other:
        await other.fill(300, of=4)
        await other.remember.delete("acme", Coordinate.of([7]))
        await other.remember.delete("acme", Coordinate.of([500]))
        expected = await other.answers()
        scratch = fingerprint(other.engine.views.loaded()["acme"])
    async with an_engine(fresh_database, put_aside) as again:
        assert await again.answers() == expected
        assert fingerprint(again.engine.views.loaded()["acme"]) == scratch
        assert again.snapshots()[0] == "restored"


async def test_a_write_that_was_under_way_when_the_view_was_put_aside_is_not_missed(
    fresh_database: str, tmp_path: Path
) -> None:
    """Its transaction is older than the token's, its commit younger."""
    connection = await asyncpg.connect(fresh_database)
    try:
        async with an_engine(fresh_database, tmp_path) as first:
            await first.fill(600)
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT set_config('sfm.namespace', 'acme', true)")
            xid = await connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
            await connection.execute(
                "UPDATE memories SET text = 'zeppelin', version = version + 1, xid = $1"
                " WHERE namespace = 'acme' AND coord = '3'",
                xid,
            )
            await first.answers()
        await transaction.commit()
    finally:
        await connection.close()
    asked = RecallQuery(query="zeppelin", mode=Mode.KEYWORD)
    async with an_engine(fresh_database, tmp_path) as again:
        found = await again.engine.recall("acme", asked)
        assert again.snapshots()[0] == "restored"
    assert [hit.memory.text for hit in found.hits] == ["zeppelin"]


async def test_a_copy_of_the_database_has_another_identity(
    postgres_server: TestPostgres, fresh_database: str, put_aside: Path
) -> None:
    copy = postgres_server.create(template=fresh_database.rsplit("/", 1)[1].partition("?")[0])
    try:
        async with an_engine(copy, None) as other:
            await other.fill(10, of=9)
            expected = await other.answers()
        async with an_engine(copy, put_aside) as again:
            assert await again.answers() == expected
            assert "restored" not in again.snapshots()
    finally:
        postgres_server.drop(copy)


async def test_a_new_life_of_a_namespace_has_another_identity(
    fresh_database: str, put_aside: Path
) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "UPDATE namespaces SET generation = generation + 1 WHERE name = 'acme'"
    )
    await connection.close()
    async with an_engine(fresh_database, put_aside) as again:
        await again.answers()
        assert "restored" not in again.snapshots()
