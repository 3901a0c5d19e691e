"""What an open process has at hand: the use-cases over their adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sfm_core.adapters.embedders import ObservedEmbedder
from sfm_core.adapters.shared import Shared
from sfm_core.adapters.vector_stores import ObservedVectorStore
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.find import Find
from sfm_core.graph import Graph
from sfm_core.importance import METHODS
from sfm_core.log.erase import Erase
from sfm_core.log.following import Following, Wakes
from sfm_core.model import Json, StoreStats
from sfm_core.ports import Clock, Digests, Eraser, EventLog, LogGroups, Outbox, RecordStore
from sfm_core.recall.engine import RecallEngine
from sfm_core.recall.rebuild import Rebuild
from sfm_core.reconcile.indexing import Indexing
from sfm_core.reconcile.schedule import Schedule
from sfm_core.reconcile.use_case import Reconcile
from sfm_core.remember import Lifecycle, Remember
from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.runtime.readiness import Dependency, Readiness
from sfm_core.transfer import Exports, Imports
from sfm_core.upkeep.accesses import Accesses
from sfm_core.upkeep.use_case import Upkeep


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The use-cases over open adapters; valid inside `open_runtime`."""

    remember: Remember
    lifecycle: Lifecycle
    recall: RecallEngine
    graph: Graph
    find: Find
    records: RecordStore
    events: EventLog
    upkeep: Upkeep
    exports: Exports
    imports: Imports
    erase: Erase
    eraser: Eraser
    rebuild: Rebuild
    reconcile: Reconcile
    indexing: Indexing
    schedule: Schedule
    """The same again and again, for who runs it."""
    digests: Digests
    following: Following
    outbox: Outbox
    groups: LogGroups
    wakes: Wakes
    """Told of each commit of this process."""
    accesses: Accesses
    embedder: ObservedEmbedder
    clock: Clock
    shared: Shared
    """What is shared with other processes beside the record store."""
    vectors: ObservedVectorStore | None
    """The vector index beside it, where there is one."""
    vectors_required: bool
    """Whether recalls rest on it: no vectors are held in this process."""
    tenant_rules: str
    """`enforced`, or why the database does not enforce row-level security."""

    async def stats(self, namespace: str) -> dict[str, Json]:
        """Counts of the namespace, state of its view, and the embedder in use; JSON-ready.

        Raises:
            Unavailable: the store does not answer.
        """
        counts = await self.records.stats(namespace)
        facts = await self.recall.statistics(namespace)
        return {**_counts(counts), **facts, "embedder": self._embedder_facts()}

    async def readiness(self) -> Readiness:
        """Ask every dependency once."""
        try:
            await self.records.ping()
        except Unavailable as error:
            store = Dependency(name="postgres", ok=False, required=True, detail=error.detail)
        else:
            detail = f"row-level security {self.tenant_rules}"
            store = Dependency(name="postgres", ok=True, required=True, detail=detail)
        info = self.embedder.info
        kind = "semantic" if info.semantic else "words and characters only, not meaning"
        embedder = Dependency(
            name="embedder", ok=True, required=True, detail=f"{info.name} ({kind})"
        )
        beside = (*await self._redis(), *await self._vector_store())
        return Readiness(dependencies=(store, embedder, *beside))

    async def _redis(self) -> Sequence[Dependency]:
        """Redis only degrades: without it requests are counted per process, rows come from
        PostgreSQL.
        """
        if self.shared.redis is None:
            return ()
        try:
            await self.shared.redis.ping()
        except Unavailable as error:
            return (Dependency(name="redis", ok=False, required=False, detail=error.detail),)
        return (Dependency(name="redis", ok=True, required=False),)

    async def _vector_store(self) -> Sequence[Dependency]:
        """With vectors in this process Qdrant only degrades: what is stored is indexed later."""
        if self.vectors is None:
            return ()
        required = self.vectors_required
        try:
            await self.vectors.ping()
        except (Misconfigured, Unavailable) as error:
            return (Dependency(name="qdrant", ok=False, required=required, detail=error.detail),)
        return (Dependency(name="qdrant", ok=True, required=required),)

    def _embedder_facts(self) -> dict[str, Json]:
        info = self.embedder.info
        return {
            "name": info.name,
            "model_revision": info.model_revision,
            "dim": info.dim,
            "semantic": info.semantic,
        }


def show(runtime: Runtime, telemetry: PrometheusTelemetry) -> None:
    """Let scrapes see the state of an open runtime."""
    info = runtime.embedder.info
    telemetry.info(
        "embedder_info",
        name=info.name,
        semantic=str(info.semantic).lower(),
        revision=info.model_revision,
    )
    views = runtime.recall.views
    telemetry.gauge("embedder_queue_texts", lambda: float(runtime.embedder.statistics().waiting))
    if redis := runtime.shared.redis:
        telemetry.gauge("redis_breaker_open", lambda: float(redis.is_broken))
    if vectors := runtime.vectors:
        telemetry.gauge("vector_store_breaker_open", lambda: float(vectors.is_broken))
    if runtime.shared.limiter is not None:
        telemetry.gauge("limiter_shared", lambda: float(runtime.shared.counts_in_redis))
    telemetry.gauge("view_namespaces", lambda: float(views.totals()[0]))
    telemetry.gauge("view_position", lambda: float(_position(runtime)))
    telemetry.gauge("view_age_seconds", lambda: views.age_s)
    for method in METHODS:
        telemetry.gauge(
            "importance_namespaces", partial(_ranked_by, runtime, method), normaliser=method
        )
    telemetry.gauge("slab_rows", lambda: float(views.totals()[1]))
    telemetry.gauge("slab_bytes", lambda: float(views.totals()[2]))


def _position(runtime: Runtime) -> int:
    return max((view.position for view in runtime.recall.views.loaded().values()), default=0)


def _ranked_by(runtime: Runtime, method: str) -> float:
    views = runtime.recall.views.loaded().values()
    return float(sum(view.importance_method == method for view in views))


def _counts(stats: StoreStats) -> Mapping[str, Json]:
    return {name: getattr(stats, name) for name in StoreStats.__dataclass_fields__}
