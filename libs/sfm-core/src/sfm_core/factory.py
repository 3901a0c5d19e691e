"""Where ports meet adapters: an open runtime for a service, or a facade for a program."""

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sfm_core.adapters.embedders import ObservedEmbedder, open_embedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.inmemory_archive import InMemoryArchive
from sfm_core.adapters.inmemory_digests import InMemoryDigests
from sfm_core.adapters.inmemory_erase import InMemoryEraser
from sfm_core.adapters.inmemory_events import InMemoryEvents
from sfm_core.adapters.inmemory_finder import InMemoryFinder
from sfm_core.adapters.inmemory_links import InMemoryLinks
from sfm_core.adapters.inmemory_upkeep import InMemoryUpkeep
from sfm_core.adapters.postgres.archive import PostgresArchive
from sfm_core.adapters.postgres.digests import PostgresDigests
from sfm_core.adapters.postgres.erase import PostgresEraser
from sfm_core.adapters.postgres.events import PostgresEvents
from sfm_core.adapters.postgres.finder import PostgresFinder
from sfm_core.adapters.postgres.links import PostgresLinks
from sfm_core.adapters.postgres.pool import Pool, open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.adapters.postgres.upkeep import PostgresUpkeep
from sfm_core.adapters.shared import open_shared
from sfm_core.adapters.view_files import DiskViewFiles
from sfm_core.assembled import Runtime
from sfm_core.errors import Misconfigured
from sfm_core.find import Find
from sfm_core.generations import Generations
from sfm_core.graph import Graph
from sfm_core.lexical.analysis import Analyzer
from sfm_core.log.erase import Erase
from sfm_core.log.following import Following, Wakes
from sfm_core.model import Quota, Weights
from sfm_core.owned import OwnedJobs, owned_tasks
from sfm_core.ports import (
    Archive,
    Clock,
    Eraser,
    EventLog,
    Finder,
    LinkStore,
    NoTelemetry,
    Telemetry,
)
from sfm_core.recall.engine import RecallEngine, RecallPolicy
from sfm_core.recall.erased import ErasableCache, ErasableViews
from sfm_core.recall.graphs import GraphViews
from sfm_core.recall.rebuild import Rebuild
from sfm_core.recall.rows import Forgetting
from sfm_core.remember import Commits, Lifecycle, Remember
from sfm_core.runtime.clock import SystemClock
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.upkeep_settings import UpkeepSettings
from sfm_core.scoring import Scoring
from sfm_core.system import MemorySystem
from sfm_core.transfer import Exports, Imports, Landing
from sfm_core.upkeep.accesses import Accesses
from sfm_core.upkeep.plan import UpkeepPolicy
from sfm_core.upkeep.rules import DecayPolicy, Level
from sfm_core.upkeep.use_case import Upkeep

IN_MEMORY: Final = "memory://"
"""As `postgres_url`: the in-memory twin, for tests and trials; nothing survives the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stores:
    """The adapters over one database, and who keeps tenants apart in it."""

    records: PostgresStore | InMemoryStore
    events: EventLog
    eraser: Eraser
    digests: PostgresDigests | InMemoryDigests
    upkeep: PostgresUpkeep | InMemoryUpkeep
    links: LinkStore
    archive: Archive
    finder: Finder
    tenant_rules: str


class MemoryMode(StrEnum):
    """How a memory system is built; there is one way."""

    EVENTED_ENTERPRISE = "evented_enterprise"


def create_memory_system(
    mode: MemoryMode | str,
    namespace: str,
    config: CoreSettings | Mapping[str, object] | None = None,
) -> MemorySystem:
    """The facade over one namespace; open it with `async with`.

    `config` is a `CoreSettings` or a mapping of its fields, e.g. `{"postgres_url": "postgresql://…"}`;
    `postgres_url` may be `memory://` for a trial that nothing survives.

    Raises:
        Misconfigured: another mode than `EVENTED_ENTERPRISE`, or an unknown field: before
            anything is opened.
        InvalidInput: the namespace's name.
    """
    if mode not in tuple(MemoryMode):
        raise Misconfigured(f"mode is {MemoryMode.EVENTED_ENTERPRISE.value}, the only one")
    settings = config if isinstance(config, CoreSettings) else _settings(config or {})
    return MemorySystem(namespace, open_runtime(settings))


@asynccontextmanager
async def open_runtime(
    settings: CoreSettings,
    *,
    clock: Clock | None = None,
    embedder: ObservedEmbedder | None = None,
    model_cache: Path | None = None,
    warm_up: bool = False,
    warmed: Callable[[], None] | None = None,
    telemetry: Telemetry | None = None,
    quota: Quota | None = None,
) -> AsyncGenerator[Runtime]:
    """Open every dependency in order; close them in reverse, also when a later one fails.

    `embedder` takes the place of the configured one; `model_cache` is where the packaged model
    is built the first time (default: the user's cache folder). With `warm_up`, views are loaded
    in the background at once instead of by the first recall of each namespace, and `warmed` is
    called when that is done. With a `quota`, the runtime has a limiter that keeps it, shared
    through Redis where there is one.

    Raises:
        Misconfigured: a setting is missing, a model file is wrong, or the database's schema is
            not this version's.
        Unavailable: PostgreSQL does not answer.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or NoTelemetry()
    async with AsyncExitStack() as stack:
        pool = await _open_pool(settings, stack)
        if embedder is None:
            embedder = await stack.enter_async_context(
                open_embedder(
                    settings.embedder,
                    model_dir=settings.model_dir,
                    cache_dir=model_cache or user_cache(),
                    telemetry=telemetry,
                )
            )
        shared = await stack.enter_async_context(
            open_shared(
                settings.redis_url,
                read_cache=settings.read_cache,
                quota=quota,
                telemetry=telemetry,
            )
        )
        stores = await _stores(pool, embedder.info.dim)
        store = stores.records
        accesses = await stack.enter_async_context(Accesses.open(store=stores.upkeep, clock=clock))
        recall = await stack.enter_async_context(
            RecallEngine.open(
                cache=shared.cache,
                records=store,
                feed=store,
                embedder=embedder,
                clock=clock,
                scoring=scoring_of(settings),
                policy=RecallPolicy(
                    deadline_s=settings.recall_deadline_seconds,
                    poll_s=settings.feed_interval_seconds,
                    budget_bytes=settings.slab_max_bytes,
                    language=settings.language,
                    fast_core=settings.fast_core,
                    version=version("sfm-core"),
                ),
                notes=accesses,
                files=_view_files(settings),
                log=store,
                words=store,
                telemetry=telemetry,
                links=stores.links,
            )
        )
        tasks = await stack.enter_async_context(owned_tasks())
        if warm_up:
            tasks.start_soon(_warm_up, recall, warmed)
        jobs = await stack.enter_async_context(OwnedJobs.open())
        applied = recall.views if shared.cache is None else Forgetting(recall.views, shared.cache)
        wakes, generations = Wakes(), Generations()
        cache = None if shared.cache is None else ErasableCache(shared.cache)
        commits = Commits(
            records=store,
            embedder=embedder,
            applied=applied,
            jobs=jobs,
            wake=wakes.wake,
            generations=generations,
        )
        yield Runtime(
            remember=Remember(
                records=store,
                embedder=embedder,
                clock=clock,
                commits=commits,
                notes=accesses,
                telemetry=telemetry,
            ),
            lifecycle=Lifecycle(
                records=store,
                events=stores.events,
                embedder=embedder,
                clock=clock,
                commits=commits,
            ),
            recall=recall,
            upkeep=Upkeep(
                rows=stores.upkeep,
                feed=store,
                accesses=stores.upkeep,
                locks=stores.upkeep,
                records=store,
                embedder=embedder,
                commits=commits,
                clock=clock,
                policy=upkeep_policy_of(settings),
                telemetry=telemetry,
            ),
            graph=Graph(
                links=stores.links,
                records=store,
                graphs=GraphViews(recall.views, deadline_s=settings.recall_deadline_seconds),
                applied=applied,
                jobs=jobs,
                clock=clock,
            ),
            find=Find(finder=stores.finder, clock=clock),
            accesses=accesses,
            records=store,
            events=stores.events,
            exports=Exports(archive=stores.archive, embedder=embedder, clock=clock),
            imports=Imports(
                landing=Landing(
                    archive=stores.archive,
                    embedder=embedder,
                    commits=commits,
                    links=stores.links,
                    applied=applied,
                    jobs=jobs,
                )
            ),
            erase=Erase(
                eraser=stores.eraser,
                projections={"views": ErasableViews(recall.views)}
                | ({} if cache is None else {"cache": cache}),
                generations=generations,
                jobs=jobs,
                wake=wakes.wake,
            ),
            rebuild=Rebuild(
                views=recall.views,
                feed=store,
                records=store,
                digests=stores.digests,
                mender=stores.digests,
                embedder=embedder,
                analyzer=Analyzer(settings.language),
                cache=cache,
            ),
            digests=stores.digests,
            following=Following(events=stores.events, wakes=wakes),
            embedder=embedder,
            clock=clock,
            shared=shared,
            tenant_rules=stores.tenant_rules,
        )


async def _warm_up(recall: RecallEngine, warmed: Callable[[], None] | None) -> None:
    await recall.warm_up()
    if warmed is not None:
        warmed()


def scoring_of(settings: CoreSettings) -> Scoring:
    """The measured scoring, with what the settings say otherwise."""
    measured = Scoring()
    defaults = measured.weights
    weights = Weights(
        vector=_either(settings.recall_weight_vector, defaults.vector),
        keyword=_either(settings.recall_weight_keyword, defaults.keyword),
        context=_either(settings.recall_weight_context, defaults.context),
        recency=_either(settings.recall_weight_recency, defaults.recency),
        graph=_either(settings.recall_weight_graph, defaults.graph),
    )
    return Scoring(
        weights=weights,
        beta=_either(settings.recall_beta, measured.beta),
        half_life_s=_either(settings.recall_half_life_seconds, measured.half_life_s),
    )


def upkeep_policy_of(settings: UpkeepSettings) -> UpkeepPolicy:
    """What decays, and how many memories there may be.

    Raises:
        Misconfigured: rules that span the settings are broken.
    """
    if faults := list(UpkeepSettings.faults(settings)):
        raise Misconfigured("; ".join(faults))
    ages, keys = settings.decay_thresholds_seconds, settings.decay_keys_by_level
    levels = tuple(
        Level(age=timedelta(seconds=age), keys=frozenset(names))
        for age, names in zip(ages, keys, strict=True)
    )
    decay = DecayPolicy(
        levels=levels,
        protect_above=_either(settings.decay_protect_importance, math.inf),
        required=frozenset(settings.decay_required_keys),
    )
    return UpkeepPolicy(decay=decay, max_memories=settings.max_memory_size)


async def _open_pool(settings: CoreSettings, stack: AsyncExitStack) -> Pool | None:
    """None: the in-memory twin is asked for."""
    if settings.postgres_url is None:
        raise Misconfigured("POSTGRES_URL is required (soma serve brings a PostgreSQL of its own)")
    if settings.postgres_url.value == IN_MEMORY:
        return None
    return await stack.enter_async_context(
        open_pool(
            settings.postgres_url.value,
            size=settings.postgres_pool_size,
            ssl_mode=settings.postgres_ssl_mode,
            root_cert=_text(settings.postgres_ssl_root_cert),
            cert=_text(settings.postgres_ssl_cert),
            key=_text(settings.postgres_ssl_key),
        )
    )


async def _stores(pool: Pool | None, dim: int) -> _Stores:
    """PostgreSQL, or its twins when there is no pool, for vectors of this length."""
    if pool is None:
        twin = InMemoryStore()
        upkeep = InMemoryUpkeep(twin)
        return _Stores(
            records=twin,
            events=InMemoryEvents(twin),
            eraser=InMemoryEraser(twin, upkeep.forget),
            digests=InMemoryDigests(twin),
            upkeep=upkeep,
            links=InMemoryLinks(twin),
            archive=InMemoryArchive(twin),
            finder=InMemoryFinder(twin),
            tenant_rules="kept by the in-memory store",
        )
    enforced = await pool.rls_enforced()
    return _Stores(
        records=PostgresStore(pool, dim=dim),
        events=PostgresEvents(pool),
        eraser=PostgresEraser(pool),
        digests=PostgresDigests(pool),
        upkeep=PostgresUpkeep(pool),
        links=PostgresLinks(pool),
        archive=PostgresArchive(pool, dim=dim),
        finder=PostgresFinder(pool),
        tenant_rules="enforced" if enforced else "bypassed: the role is a superuser",
    )


def _view_files(settings: CoreSettings) -> DiskViewFiles | None:
    folder = settings.slab_snapshot_dir
    return None if folder is None else DiskViewFiles(folder)


def user_cache() -> Path:
    return Path.home() / ".cache" / "somafractalmemory" / "models"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _either[T](given: T | None, default: T) -> T:
    return default if given is None else given


def _settings(config: Mapping[str, object]) -> CoreSettings:
    known = {field.name for field in fields(CoreSettings)}
    unknown = sorted(set(config) - known)
    if unknown:
        raise Misconfigured(f"config has unknown fields: {', '.join(unknown)}")
    given = dict(config)
    if isinstance(given.get("postgres_url"), str):
        given["postgres_url"] = Secret(str(given["postgres_url"]))
    return CoreSettings(**given)  # type: ignore[arg-type]  # a caller's mapping
