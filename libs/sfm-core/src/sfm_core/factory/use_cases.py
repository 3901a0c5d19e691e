"""The use-cases over what is open. A new one gets a line here and a field of `Runtime`."""

from dataclasses import dataclass

from sfm_core.adapters.embedders import ObservedEmbedder
from sfm_core.adapters.shared import Shared
from sfm_core.adapters.vector_stores import ObservedVectorStore
from sfm_core.assembled import Runtime
from sfm_core.factory.reconciling import Reconciling, index_writer_over, reconciling_over
from sfm_core.factory.stores import Stores
from sfm_core.find import Find
from sfm_core.generations import Generations
from sfm_core.graph import Graph
from sfm_core.lexical.analysis import Analyzer
from sfm_core.log.erase import Erase
from sfm_core.log.following import Following, Wakes
from sfm_core.owned import OwnedJobs
from sfm_core.ports import Clock, Projection, Telemetry
from sfm_core.recall.engine import RecallEngine
from sfm_core.recall.erased import ErasableCache, ErasableViews
from sfm_core.recall.graphs import GraphViews
from sfm_core.recall.rebuild import Rebuild
from sfm_core.recall.rows import Forgetting
from sfm_core.remember import Commits, Lifecycle, Remember
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.transfer import Exports, Imports, Landing
from sfm_core.upkeep.accesses import Accesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """All that has to be opened, and is."""

    settings: CoreSettings
    clock: Clock
    telemetry: Telemetry
    embedder: ObservedEmbedder
    stores: Stores
    shared: Shared
    vectors: ObservedVectorStore | None
    accesses: Accesses
    recall: RecallEngine
    jobs: OwnedJobs
    generations: Generations


def use_cases_over(opened: Opened) -> Runtime:
    """Opens nothing and waits for nothing."""
    shared, recall, stores = opened.shared, opened.recall, opened.stores
    embedder, clock = opened.embedder, opened.clock
    applied = recall.views if shared.cache is None else Forgetting(recall.views, shared.cache)
    cache = None if shared.cache is None else ErasableCache(shared.cache)
    wakes, generations = Wakes(), opened.generations
    commits = Commits(
        records=stores.records,
        embedder=embedder,
        applied=applied,
        jobs=opened.jobs,
        wake=wakes.wake,
        generations=generations,
        index=index_writer_over(
            opened.vectors,
            stores=stores,
            embedder=embedder,
            jobs=opened.jobs,
            telemetry=opened.telemetry,
        ),
    )
    reconciling = _reconciling(opened, commits)
    return Runtime(
        remember=_remember(opened, commits),
        lifecycle=_lifecycle(opened, commits),
        recall=recall,
        upkeep=reconciling.upkeep,
        reconcile=reconciling.use_case,
        indexing=reconciling.indexing,
        schedule=reconciling.schedule(opened.settings, opened.telemetry),
        graph=_graph(opened, commits),
        find=Find(finder=stores.finder, clock=clock),
        accesses=opened.accesses,
        records=stores.records,
        events=stores.events,
        exports=Exports(archive=stores.archive, embedder=embedder, clock=clock),
        imports=_imports(opened, commits),
        erase=_erase(opened, cache, wakes),
        eraser=stores.eraser,
        rebuild=_rebuild(opened, cache, reconciling),
        digests=stores.digests,
        following=Following(events=stores.events, wakes=wakes),
        outbox=stores.outbox,
        groups=stores.groups,
        wakes=wakes,
        embedder=embedder,
        clock=clock,
        shared=shared,
        vectors=opened.vectors,
        vectors_required=not opened.settings.fast_core,
        tenant_rules=stores.tenant_rules,
    )


def _remember(opened: Opened, commits: Commits) -> Remember:
    return Remember(
        records=opened.stores.records,
        embedder=opened.embedder,
        clock=opened.clock,
        commits=commits,
        notes=opened.accesses,
        telemetry=opened.telemetry,
    )


def _lifecycle(opened: Opened, commits: Commits) -> Lifecycle:
    return Lifecycle(
        records=opened.stores.records,
        events=opened.stores.events,
        embedder=opened.embedder,
        clock=opened.clock,
        commits=commits,
    )


def _reconciling(opened: Opened, commits: Commits) -> Reconciling:
    return reconciling_over(
        settings=opened.settings,
        stores=opened.stores,
        embedder=opened.embedder,
        commits=commits,
        clock=opened.clock,
        telemetry=opened.telemetry,
        vectors=opened.vectors,
        views=opened.recall.views,
    )


def _graph(opened: Opened, commits: Commits) -> Graph:
    views, deadline_s = opened.recall.views, opened.settings.recall_deadline_seconds
    records = opened.stores.records
    return Graph(
        links=opened.stores.links,
        records=opened.stores.records,
        graphs=GraphViews(views, feed=records, records=records, deadline_s=deadline_s),
        commits=commits,
        clock=opened.clock,
    )


def _imports(opened: Opened, commits: Commits) -> Imports:
    landing = Landing(
        archive=opened.stores.archive,
        embedder=opened.embedder,
        commits=commits,
        links=opened.stores.links,
    )
    return Imports(landing=landing)


def _erase(opened: Opened, cache: ErasableCache | None, wakes: Wakes) -> Erase:
    projections: dict[str, Projection] = {"views": ErasableViews(opened.recall.views)}
    if cache is not None:
        projections["cache"] = cache
    if opened.vectors is not None:
        projections["vector_store"] = opened.vectors
    return Erase(
        eraser=opened.stores.eraser,
        projections=projections,
        generations=opened.generations,
        jobs=opened.jobs,
        wake=wakes.wake,
    )


def _rebuild(opened: Opened, cache: ErasableCache | None, reconciling: Reconciling) -> Rebuild:
    stores = opened.stores
    return Rebuild(
        views=opened.recall.views,
        feed=stores.records,
        records=stores.records,
        digests=stores.digests,
        mender=stores.digests,
        embedder=opened.embedder,
        analyzer=Analyzer(opened.settings.language),
        cache=cache,
        points=reconciling.parity,
    )
