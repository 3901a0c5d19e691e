"""Whoever draws a position of the log has announced it before (ADR 125)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from uuid import uuid4

import pytest

from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.inbox import PostgresInbox
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import connect, open_pool
from sfm_core.adapters.postgres.queries import load_queries
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.model import Accepted, Arrival, Delete, LinkChange, LinkKey, PutLink, Unlink
from sfm_core.testing.contracts_fence import WRITES, Ports, begin_a_life
from sfm_core.testing.writes import at

pytestmark = pytest.mark.integration

_WATCH = """
CREATE TABLE drawn (statement text, announced boolean);
GRANT ALL ON drawn TO PUBLIC;
CREATE FUNCTION note_drawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO drawn SELECT current_query(), EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 2 AND pid = pg_backend_pid()
          AND classid::bigint = announced_by(NEW.namespace)
          AND objid::bigint < (to_jsonb(NEW) ->> TG_ARGV[0])::bigint
    );
    RETURN NULL;
END $$;
"""
_PLACES = {
    "memories": "position",
    "links": "position",
    "memory_events": "seq",
    "importance_samples": "seq",
}
"""Every column that holds positions drawn by a write."""


def drawing() -> dict[str, str]:
    """Every statement that draws a position, from whatever file, by its name."""
    folder = files("sfm_core.adapters.postgres") / "sql"
    topics = [entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return {
        f"{topic}.{name}": sql
        for topic in topics
        for name, sql in load_queries(topic).items()
        if "nextval('memory_log')" in sql or name == "log_erasure"  # the column's default draws
    }


async def test_whatever_draws_a_position_has_announced_it(fresh_database: str) -> None:
    """Every write there is, and an erasure, are run and watched."""
    owner = await connect(fresh_database)
    try:
        await owner.execute(_WATCH)
        for table, column in _PLACES.items():
            await owner.execute(
                f"CREATE TRIGGER watch AFTER INSERT OR UPDATE OF {column} ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION note_drawn('{column}')"
            )
        await write_all(fresh_database)
        rows = await owner.fetch("SELECT DISTINCT statement, announced FROM drawn")
    finally:
        await owner.close()
    known = drawing()
    assert {topic.partition(".")[0] for topic in known} == {
        *("writes", "links", "archive", "erase", "inbox")
    }
    assert [row["statement"] for row in rows if not row["announced"]] == []
    seen = {row["statement"] for row in rows}
    assert {name for name, sql in known.items() if sql not in seen} == set()


async def write_all(dsn: str) -> None:
    async with open_pool(dsn, size=4) as pool:
        store, links = PostgresStore(pool), PostgresLinks(pool)
        for write in WRITES.values():
            await PostgresEraser(pool).erase("a")
            await begin_a_life(store, links, "a")
            ports = Ports(
                store=store,
                links=links,
                archive=PostgresArchive(pool),
                mender=PostgresDigests(pool),
                accesses=PostgresUpkeep(pool),
                namespace="a",
                generation=await store.generation("a"),
            )
            await write(ports)
        await take_arrivals(PostgresInbox(pool))


async def take_arrivals(inbox: PostgresInbox) -> None:
    """Of somebody else a link, its end, and the end of what was never stored here."""
    key = LinkKey(origin=at("1"), target=at("2"))
    gone = Delete(coordinate=at("77"))
    changes: Sequence[LinkChange | Delete] = (PutLink(key=key), Unlink(key=key), gone)
    for version, change in enumerate(changes, start=5):
        now = datetime.now(UTC)
        arrival = Arrival(event_id=uuid4(), at=now, taken_at=now, change=change, version=version)
        assert await inbox.accept("a", [arrival], now=now) == [Accepted.APPLIED]
