"""Two deployments, or what a database was before it was made anew, on one Redis."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.factory import open_runtime
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.system import MemorySystem

pytestmark = pytest.mark.integration


@asynccontextmanager
async def deployed(database: str, redis: str, namespace: str) -> AsyncGenerator[MemorySystem]:
    settings = CoreSettings(
        postgres_url=Secret(database), embedder="hash", redis_url=Secret(redis), read_cache=True
    )
    async with MemorySystem(namespace, open_runtime(settings)) as memory:
        yield memory


async def said(memory: MemorySystem) -> object:
    found = await memory.recall("green tea", top_k=1)
    return found.hits[0].memory.draft.payload


async def test_neither_shows_the_others_rows_and_each_finds_its_own(
    redis_url: str, module_database: str, fresh_database: str
) -> None:
    namespace = f"t-{uuid4().hex[:12]}"
    await migrate(fresh_database)
    async with (
        deployed(module_database, redis_url, namespace) as ours,
        deployed(fresh_database, redis_url, namespace) as theirs,
    ):
        first = await ours.store("1", {"text": "green tea, ours"})
        second = await theirs.store("1", {"text": "green tea, theirs"})
        assert first.id == second.id
        caches = [one.runtime.shared.cache for one in (ours, theirs)]
        assert None not in caches
        assert len({cache.log for cache in caches if cache is not None}) == 2
        for _ in range(3):
            assert await said(ours) == {"text": "green tea, ours"}
            assert await said(theirs) == {"text": "green tea, theirs"}
