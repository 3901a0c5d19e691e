"""Recall without vectors in memory, over real PostgreSQL and Qdrant: in the order of the slab."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from benchmarks.service.material import material
from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.wal import PostgresWal
from sfm_core.adapters.vector_stores import open_vector_store
from sfm_core.indexing.points import point_of
from sfm_core.model import Mode, RecallQuery
from sfm_core.ports import NoTelemetry
from sfm_core.recall.engine import RecallEngine, RecallPolicy
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.testing.fakes import ManualClock
from tests.integration.test_api_process import environment, started
from tests.integration.test_several_processes import clients, put, recalled
from tests.servers.qdrant import TestQdrant
from tests.unit.sfm_core.recall.test_afar import DATA, REVISION, upserts, variants
from tests.unit.sfm_core.recall.test_engine import as_bytes

pytestmark = pytest.mark.integration

ROWS = 400
EMBEDDER = HashEmbedder()


@asynccontextmanager
async def over(
    dsn: str, url: str, namespace: str
) -> AsyncGenerator[tuple[RecallEngine, RecallEngine, list[str]]]:
    """The same memories over a slab and over Qdrant, and questions."""
    items, questions = material(DATA, ROWS)
    clock = ManualClock(datetime.now(UTC))
    policy = RecallPolicy(deadline_s=30.0, patience_s=5.0)
    light = RecallPolicy(deadline_s=30.0, patience_s=5.0, fast_core=False)
    settings = CoreSettings(qdrant_url=url)
    async with (
        open_pool(dsn) as pool,
        open_vector_store(settings, dim=EMBEDDER.info.dim, telemetry=NoTelemetry()) as vectors,
    ):
        assert vectors is not None
        store = PostgresStore(pool, dim=EMBEDDER.info.dim)
        await store.apply(namespace, await upserts(items))
        async for rows in store.load(namespace, model_revision=REVISION):
            points = [point_of(row, generation=1, model_revision=REVISION) for row in rows]
            await vectors.put(namespace, [point for point in points if point is not None])
        opened = partial(
            RecallEngine.open, records=store, feed=store, embedder=EMBEDDER, clock=clock
        )
        owed = PostgresWal(pool)
        async with (
            opened(policy=policy) as slab,
            opened(policy=light, words=store, vectors=vectors, owed=owed) as afar,
        ):
            yield slab, afar, questions


async def test_the_order_over_qdrant_is_that_of_the_slab_to_the_bit(
    module_database: str, qdrant_url: str
) -> None:
    namespace = f"qdrant-{uuid4().hex[:8]}"
    async with over(module_database, qdrant_url, namespace) as (slab, afar, questions):
        for n, (mode, more) in enumerate(product(Mode, variants())):
            query = RecallQuery(query=questions[n], mode=mode, explain=True, **more)
            expected = await slab.recall(namespace, query)
            found = await afar.recall(namespace, query)
            assert found.degraded == ()
            assert as_bytes(found) == as_bytes(expected), (mode, more)
            assert found.placed == expected.placed
        assert afar.views.loaded()[namespace].is_light


async def test_a_process_without_the_fast_core_answers_as_one_with_it(
    fresh_database: str, own_qdrant: TestQdrant
) -> None:
    """Over HTTP, each process with its own part of the writes; then without Qdrant."""
    common = {"POSTGRES_URL": fresh_database, "QDRANT_URL": own_qdrant.url}
    with (
        started(environment(**common)) as slab,
        started(environment(**common, SFM_FAST_CORE="0")) as afar,
    ):
        async with clients([slab.url, afar.url]) as pair:
            for n in range(24):
                body = {
                    "payload": {"said": f"Ada drinks {('green', 'black')[n % 2]} tea, cup {n}"},
                    "session": f"s{n % 4}",
                    "importance": float(n % 5),
                }
                await put(pair[n % 2], f"/v1/acme/memories/{n}", body)
            gone = await pair[0].delete("/v1/acme/memories/3")
            for mode in Mode:
                for where in (None, {"@session": "s1"}):
                    asked: dict[str, Any] = {
                        "mode": mode.value,
                        "explain": True,
                        "min_position": int(gone.headers["Sfm-Position"]),
                        "now": "2030-01-01T00:00:00Z",
                        **({"filter": where} if where else {}),
                    }
                    one, other = [await recalled(client, "acme", **asked) for client in pair]
                    assert one == other
                    assert one
            own_qdrant.kill()
            failed = await pair[1].put("/v1/acme/memories/99", json={"payload": {"said": "tea"}})
            assert (failed.status_code, failed.json()["durable"]) == (503, True)
            asked = {"min_position": failed.json()["position"]}
            one, other = [await recalled(client, "acme", **asked) for client in pair]
            assert [hit["coordinate"] for hit in one] == [hit["coordinate"] for hit in other]
            assert [99] in [hit["coordinate"] for hit in other]
