"""Every dependency of a runtime, opened in order and closed in reverse."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from sfm_core.adapters.embedders import ObservedEmbedder, open_embedder
from sfm_core.adapters.shared import Shared, open_shared
from sfm_core.adapters.vector_stores import ObservedVectorStore, open_vector_store
from sfm_core.adapters.view_files import DiskViewFiles
from sfm_core.assembled import Runtime
from sfm_core.factory.policies import recall_policy_of, scoring_of
from sfm_core.factory.stores import Stores, open_database, stores_over
from sfm_core.factory.use_cases import Opened, use_cases_over
from sfm_core.generations import Generations
from sfm_core.model import Quota
from sfm_core.owned import OwnedJobs, owned_tasks
from sfm_core.ports import Clock, NoTelemetry, Telemetry, VectorStore
from sfm_core.recall.engine import RecallEngine
from sfm_core.runtime.clock import SystemClock
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.upkeep.accesses import Accesses


@asynccontextmanager
async def open_runtime(
    settings: CoreSettings,
    *,
    clock: Clock | None = None,
    embedder: ObservedEmbedder | None = None,
    vectors: ObservedVectorStore | None = None,
    model_cache: Path | None = None,
    warm_up: bool = False,
    warmed: Callable[[], None] | None = None,
    telemetry: Telemetry | None = None,
    quota: Quota | None = None,
) -> AsyncGenerator[Runtime]:
    """Open every dependency in order; close them in reverse, also when a later one fails.

    `embedder` and `vectors` take the place of the configured ones; `model_cache` is where the
    packaged model is built the first time (default: the user's cache folder). With `warm_up`,
    views are loaded in the background at once instead of by the first recall of each namespace,
    and `warmed` is called when that is done. With a `quota`, the runtime has a limiter that keeps
    it, shared through Redis where there is one.

    Raises:
        Misconfigured: a setting is missing, a model file is wrong, the database's schema is
            not this version's, or Qdrant is not to be used as the settings say.
        Unavailable: PostgreSQL does not answer.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or NoTelemetry()
    async with AsyncExitStack() as stack:
        pool = await open_database(settings, stack)
        if embedder is None:
            models = model_cache or user_cache()
            embedder = await stack.enter_async_context(_embedder(settings, models, telemetry))
        shared = await stack.enter_async_context(
            open_shared(
                settings.redis_url,
                read_cache=settings.read_cache,
                quota=quota,
                telemetry=telemetry,
            )
        )
        stores = await stores_over(pool, embedder.info.dim)
        if vectors is None:
            vectors = await stack.enter_async_context(
                open_vector_store(settings, dim=embedder.info.dim, telemetry=telemetry)
            )
        if shared.cache is not None:
            shared.cache.turn_to((await stores.records.marks("default", ())).log)
        generations = Generations()
        accesses = await stack.enter_async_context(
            Accesses.open(
                store=stores.upkeep,
                clock=clock,
                generations=generations,
                present=stores.records.generation,
            )
        )
        recall = await stack.enter_async_context(
            _recall(settings, stores, shared, embedder, accesses, clock, telemetry, vectors)
        )
        tasks = await stack.enter_async_context(owned_tasks())
        if warm_up:
            tasks.start_soon(_warm_up, recall, warmed)
        jobs = await stack.enter_async_context(OwnedJobs.open())
        yield use_cases_over(
            Opened(
                settings=settings,
                clock=clock,
                telemetry=telemetry,
                embedder=embedder,
                stores=stores,
                shared=shared,
                vectors=vectors,
                accesses=accesses,
                recall=recall,
                jobs=jobs,
                generations=generations,
            )
        )


def user_cache() -> Path:
    return Path.home() / ".cache" / "somafractalmemory" / "models"


async def _warm_up(recall: RecallEngine, warmed: Callable[[], None] | None) -> None:
    await recall.warm_up()
    if warmed is not None:
        warmed()


def _embedder(
    settings: CoreSettings, models: Path, telemetry: Telemetry
) -> AbstractAsyncContextManager[ObservedEmbedder]:
    return open_embedder(
        settings.embedder, model_dir=settings.model_dir, cache_dir=models, telemetry=telemetry
    )


def _recall(
    settings: CoreSettings,
    stores: Stores,
    shared: Shared,
    embedder: ObservedEmbedder,
    accesses: Accesses,
    clock: Clock,
    telemetry: Telemetry,
    vectors: VectorStore | None,
) -> AbstractAsyncContextManager[RecallEngine]:
    return RecallEngine.open(
        cache=shared.cache,
        records=stores.records,
        feed=stores.records,
        embedder=embedder,
        clock=clock,
        scoring=scoring_of(settings),
        policy=recall_policy_of(settings),
        notes=accesses,
        files=_view_files(settings),
        log=stores.records,
        words=stores.records,
        telemetry=telemetry,
        links=stores.links,
        vectors=vectors,
        owed=stores.wal,
    )


def _view_files(settings: CoreSettings) -> DiskViewFiles | None:
    folder = settings.slab_snapshot_dir
    return None if folder is None else DiskViewFiles(folder)
