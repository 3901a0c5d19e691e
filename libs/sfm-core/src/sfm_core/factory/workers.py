"""What a process that recalls nothing has at hand: the stores, no views."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sfm_core.adapters.embedders import ObservedEmbedder, open_embedder
from sfm_core.adapters.named_embedder import name_embedder
from sfm_core.adapters.vector_stores import ObservedVectorStore, open_vector_store
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.factory.opening import user_cache
from sfm_core.factory.reconciling import index_writer_over
from sfm_core.factory.stores import Stores, open_database, stores_over
from sfm_core.generations import Generations
from sfm_core.model import LinkRow, Sample, ViewRow
from sfm_core.owned import OwnedJobs
from sfm_core.ports import Clock, NoTelemetry, Telemetry
from sfm_core.remember import Commits
from sfm_core.runtime.clock import SystemClock
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.readiness import Dependency


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Open adapters, and the way to write; valid inside `open_worker`."""

    stores: Stores
    embedder: ObservedEmbedder
    """Where the process does not embed, only its `info` is of use."""
    vectors: ObservedVectorStore | None
    commits: Commits
    """Shows what it writes to no view: other processes learn of it by the change feed."""
    jobs: OwnedJobs
    generations: Generations
    clock: Clock
    telemetry: Telemetry

    async def dependencies(self) -> Sequence[Dependency]:
        """Ask the stores once; for `/readyz`. Who indexes is not ready without the index."""
        info = self.embedder.info
        found = [
            await self._record_store(),
            Dependency(name="embedder", ok=True, required=True, detail=info.model_revision),
        ]
        if self.vectors is not None:
            found.append(await self._vector_store(self.vectors))
        return found

    async def _record_store(self) -> Dependency:
        try:
            await self.stores.records.ping()
        except Unavailable as error:
            return Dependency(name="postgres", ok=False, required=True, detail=error.detail)
        detail = f"row-level security {self.stores.tenant_rules}"
        return Dependency(name="postgres", ok=True, required=True, detail=detail)

    async def _vector_store(self, vectors: ObservedVectorStore) -> Dependency:
        try:
            await vectors.ping()
        except (Unavailable, Misconfigured) as error:
            return Dependency(name="qdrant", ok=False, required=True, detail=error.detail)
        return Dependency(name="qdrant", ok=True, required=True)


@asynccontextmanager
async def open_worker(
    settings: CoreSettings,
    *,
    embeds: bool = True,
    indexes: bool = True,
    clock: Clock | None = None,
    embedder: ObservedEmbedder | None = None,
    model_cache: Path | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncGenerator[Worker]:
    """Open the stores, the embedder and the configured vector store; close them in reverse.

    A process that does not embed has only the embedder's name, and one that does not index
    no vector store. `embedder` takes the place of the configured one; `model_cache` is as for
    `open_runtime`.

    Raises:
        Misconfigured: a setting is missing, a model file is wrong, the database's schema is
            not this version's, or Qdrant is not to be used as the settings say.
        Unavailable: PostgreSQL does not answer.
    """
    clock, telemetry = clock or SystemClock(), telemetry or NoTelemetry()
    async with AsyncExitStack() as stack:
        pool = await open_database(settings, stack)
        if embedder is None:
            embedder = await _embedder(settings, stack, model_cache, telemetry, embeds=embeds)
        stores = await stores_over(pool, embedder.info.dim)
        vectors = None
        if indexes:
            vectors = await stack.enter_async_context(
                open_vector_store(settings, dim=embedder.info.dim, telemetry=telemetry)
            )
        jobs = await stack.enter_async_context(OwnedJobs.open())
        generations = Generations()
        commits = Commits(
            records=stores.records,
            embedder=embedder,
            applied=_NoViews(),
            jobs=jobs,
            generations=generations,
            index=index_writer_over(
                vectors, stores=stores, embedder=embedder, jobs=jobs, telemetry=telemetry
            ),
        )
        yield Worker(
            stores=stores,
            embedder=embedder,
            vectors=vectors,
            commits=commits,
            jobs=jobs,
            generations=generations,
            clock=clock,
            telemetry=telemetry,
        )


async def _embedder(
    settings: CoreSettings,
    stack: AsyncExitStack,
    model_cache: Path | None,
    telemetry: Telemetry,
    *,
    embeds: bool,
) -> ObservedEmbedder:
    models = model_cache or user_cache()
    if not embeds:
        return await name_embedder(
            settings.embedder, model_dir=settings.model_dir, cache_dir=models
        )
    opened = open_embedder(
        settings.embedder, model_dir=settings.model_dir, cache_dir=models, telemetry=telemetry
    )
    return await stack.enter_async_context(opened)


class _NoViews:
    """An `Applier` of a process that has none."""

    async def apply(
        self,
        namespace: str,
        rows: Sequence[ViewRow],
        samples: Sequence[Sample],
        links: Sequence[LinkRow] = (),
    ) -> None:
        del namespace, rows, samples, links
