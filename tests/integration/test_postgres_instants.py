"""The first and the last instant through every door, and rows that older versions stored."""

from typing import Any, Final

import httpx
import orjson
import pytest

from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.adapters.postgres.pool import connect
from tests.integration.test_api_process import environment, started
from tests.unit.sfm_api.api_client import AUTHORIZED

pytestmark = pytest.mark.integration

FIRST: Final = "0001-01-01T00:00:00.000000Z"
LAST: Final = "9999-12-31T23:59:59.999999Z"
ENDS: Final = (FIRST, LAST, "0001-01-01T05:00:00+05:00", "9999-12-31T18:59:59.999999-05:00")
MIGRATION: Final = "0021_finite_instants"
READS: Final[tuple[tuple[str, str, dict[str, Any] | None], ...]] = (
    ("GET", "/v1/a/memories/1", None),
    ("GET", "/v1/a/memories/1/history", None),
    ("GET", "/v1/a/memories/1?version=1", None),
    ("GET", "/v1/a/memories", None),
    ("GET", "/v1/a/events", None),
    ("GET", "/v1/a/export", None),
    ("GET", "/v1/a/export?history=true", None),
    ("GET", "/v1/a/range?min=0&max=5", None),
    ("POST", "/v1/a/recall", {"query": "tea"}),
    ("POST", "/v1/a/keyword-search", {"term": "tea"}),
    ("POST", "/v1/a/rebuild", {"projection": "slab"}),
    *(("POST", "/v1/a/recall", {"query": "tea", name: end}) for name in ("since", "until", "now")
      for end in ENDS),
    *(("GET", f"/v1/a/memories?{name}={end}".replace("+", "%2B"), None)
      for name in ("since", "until") for end in ENDS),
)  # fmt: skip


def fine(client: httpx.Client, method: str, path: str, raw: object = None) -> bytes:
    kind = "application/x-ndjson" if path.endswith("/import") else "application/json"
    content = None if raw is None else orjson.dumps(raw) + b"\n"
    answer = client.request(method, path, content=content, headers={"Content-Type": kind})
    assert answer.status_code < 300, (method, path, raw, answer.status_code, answer.text[:300])
    return answer.content


def test_every_call_takes_and_gives_the_ends_of_time(fresh_database: str) -> None:
    env = environment(POSTGRES_URL=fresh_database)
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        for n, end in enumerate(ENDS):
            fine(
                client, "PUT", f"/v1/a/memories/{n}", {"payload": {"t": "tea"}, "occurred_at": end}
            )
        fine(client, "PUT", "/v1/a/memories/8", {"payload": {"t": "tea"}, "expires_at": ENDS[3]})
        brought = {"coordinate": [9], "payload": {"t": "tea"}, "version": 1}
        for created, updated in ((FIRST, FIRST), (FIRST, LAST)):
            line = brought | {"created_at": created, "updated_at": updated}
            assert b'"error"' not in fine(client, "POST", "/v1/a/import", line)
        for call in READS:
            fine(client, *call)
        fine(client, "PATCH", "/v1/a/memories/1", {"pinned": True})
        said = [orjson.loads(fine(client, "GET", f"/v1/a/memories/{n}")) for n in range(4)]
        assert [one["occurred_at"] for one in said] == [FIRST, LAST, FIRST, LAST]
        kept = orjson.loads(fine(client, "GET", "/v1/a/memories/9"))
        assert (kept["created_at"], kept["updated_at"]) == (FIRST, LAST)
        assert fine(client, "GET", "/v1/a/export").count(b'"sfm":"memory"') == 6
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        found = orjson.loads(fine(client, "POST", "/v1/a/recall", {"query": "tea", "top_k": 10}))
        assert len(found["hits"]) == 6


async def test_what_was_stored_as_infinity_is_mended(fresh_database: str) -> None:
    env = environment(POSTGRES_URL=fresh_database)
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        for n, end in enumerate((FIRST, LAST)):
            memory = {"payload": {"t": "tea", "created_at": "infinity"}, "occurred_at": end}
            fine(client, "PUT", f"/v1/a/memories/{n}", memory | {"expires_at": LAST})
        before = [fine(client, "GET", path) for path in ("/v1/a/memories", "/v1/a/events")]
    connection = await connect(fresh_database)
    await connection.execute("SELECT set_config('sfm.namespace', '*', false)")
    await connection.execute(
        "UPDATE memories SET expires_at = 'infinity', occurred_at = CASE"
        " WHEN occurred_at < '2000-01-01' THEN '-infinity' ELSE 'infinity' END::timestamptz"
    )
    await connection.execute(
        "UPDATE memory_events SET body = replace(replace(body::text,"
        " '\"0001-01-01T00:00:00+00:00\"', '\"-infinity\"'),"
        " '\"9999-12-31T23:59:59.999999+00:00\"', '\"infinity\"')::json"
    )
    text = await connection.fetchval("SELECT string_agg(body::text, ' ') FROM memory_events")
    assert (text.count('"-infinity"'), text.count('"infinity"')) == (1, 5)
    await connection.execute("DELETE FROM schema_migrations WHERE name = $1", MIGRATION)
    await connection.close()
    assert await migrate(fresh_database) == [MIGRATION]
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        after = [fine(client, "GET", path) for path in ("/v1/a/memories", "/v1/a/events")]
        assert after == before
