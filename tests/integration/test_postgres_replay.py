"""As the log goes, so goes the state, from one database into another."""

from collections.abc import Iterator

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sfm_core.adapters.hash_embedder import HashEmbedder
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import connect, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.factory import open_runtime
from sfm_core.model import Projected
from sfm_core.system import MemorySystem
from sfm_core.testing.fakes import ManualClock
from sfm_core.testing.replay import replay
from tests.servers.histories import START, STEPS, Step, live_through, settings_of
from tests.servers.postgres import TestPostgres

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(postgres_server: TestPostgres) -> Iterator[tuple[str, str]]:
    """Two, migrated."""
    pair = (postgres_server.create_migrated(), postgres_server.create_migrated())
    yield pair
    for dsn in pair:
        postgres_server.drop(dsn)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_a_log_replayed_into_another_database_gives_the_same_state(
    databases: tuple[str, str], history: list[Step]
) -> None:
    _COUNT.append(0)
    anyio.run(_replayed, databases, f"h{len(_COUNT)}", history)


_COUNT: list[int] = []


async def _replayed(databases: tuple[str, str], namespace: str, history: list[Step]) -> None:
    source, target = databases
    clock = ManualClock(START)
    async with (
        MemorySystem(namespace, open_runtime(settings_of(source), clock=clock)) as memory,
        open_pool(target, size=2) as pool,
    ):
        await memory.recall("green tea")
        await live_through(memory, clock, history)
        theirs, mine = memory.runtime.digests, PostgresDigests(pool)
        await replay(
            memory.runtime.events,
            namespace,
            records=PostgresStore(pool),
            links=PostgresLinks(pool),
            embedder=HashEmbedder(),
        )
        assert await mine.memories(namespace) == await theirs.memories(namespace)
        assert await mine.tombstones(namespace) == await theirs.tombstones(namespace)
        assert await mine.links(namespace) == await theirs.links(namespace)
        for projection in (Projected.SLAB, Projected.LEXICAL, Projected.GRAPH, Projected.VECTORS):
            await memory.runtime.recall.views.refresh()
            done = await memory.rebuild(projection.value)
            assert done.before == done.after == done.truth, projection


SWAP = """
UPDATE memory_vectors AS v SET vector = o.vector
FROM memory_vectors AS o
WHERE v.namespace = $1 AND o.namespace = $1 AND v.id = $2 AND o.id = $3
"""
DAMAGE = """
UPDATE memory_vectors SET vector = decode('00000000000000', 'hex')
WHERE namespace = $1 AND id = $2 AND id <> $3
"""
GONE = "DELETE FROM memory_vectors WHERE namespace = $1 AND id = $2 AND id <> $3"


@pytest.mark.parametrize("wrong", [SWAP, DAMAGE, GONE], ids=["of another", "damaged", "gone"])
async def test_a_wrong_vector_is_seen_and_put_right(
    databases: tuple[str, str], wrong: str, request: pytest.FixtureRequest
) -> None:
    namespace = f"v-{request.node.callspec.id.replace(' ', '-')}"
    async with MemorySystem(namespace, open_runtime(settings_of(databases[0]))) as memory:
        for n in range(5):
            await memory.store((n,), {"said": f"green tea number {n}"})
        await memory.recall("green tea")
        whole = await memory.rebuild("vectors")
        assert whole.before == whole.after == whole.truth
        ids = [(await memory.get((n,))).id for n in (1, 2)]
        admin = await connect(databases[0])
        try:
            await admin.fetchval("SELECT set_config('sfm.namespace', '*', false)")
            assert await admin.execute(wrong, namespace, *ids) in ("UPDATE 1", "DELETE 1")
        finally:
            await admin.close()
        mended = await memory.rebuild("vectors")
        assert mended.before != mended.truth
        assert mended.after == mended.truth == whole.truth
        stored = memory.runtime.digests
        revision = memory.runtime.embedder.info.model_revision
        assert await stored.vectors(namespace, model_revision=revision) == whole.truth
