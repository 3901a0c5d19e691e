"""Where ports meet adapters: an open runtime for a service, or a facade for a program."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfm_core.adapters.embedders import ObservedEmbedder, open_embedder
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.adapters.postgres.pool import open_pool
from sfm_core.adapters.postgres.store import PostgresStore
from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.model import Json, StoreStats, Weights
from sfm_core.ports import ChangeFeed, Clock, NoTelemetry, RecordStore, Telemetry
from sfm_core.recall.engine import RecallEngine, RecallPolicy
from sfm_core.remember import Remember
from sfm_core.runtime.clock import SystemClock
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.scoring import Scoring

IN_MEMORY: Final = "memory://"
"""As `postgres_url`: the in-memory twin, for tests and trials; nothing survives the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One thing the process rests on, as `/readyz` reports it."""

    name: str
    ok: bool
    required: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    dependencies: Sequence[Dependency]

    @property
    def ready(self) -> bool:
        return all(one.ok for one in self.dependencies if one.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The use-cases over open adapters; valid inside `open_runtime`."""

    remember: Remember
    recall: RecallEngine
    records: RecordStore
    embedder: ObservedEmbedder
    clock: Clock
    tenant_rules: str
    """`enforced`, or why the database does not enforce row-level security."""

    async def stats(self, namespace: str) -> dict[str, Json]:
        """Counts of the namespace, state of its view, and the embedder in use; JSON-ready.

        Raises:
            Unavailable: the store does not answer.
        """
        counts = await self.records.stats(namespace)
        facts = self.recall.statistics(namespace)
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
        return Readiness(dependencies=(store, embedder))

    def _embedder_facts(self) -> dict[str, Json]:
        info = self.embedder.info
        return {
            "name": info.name,
            "model_revision": info.model_revision,
            "dim": info.dim,
            "semantic": info.semantic,
        }


@asynccontextmanager
async def open_runtime(
    settings: CoreSettings,
    *,
    clock: Clock | None = None,
    embedder: ObservedEmbedder | None = None,
    model_cache: Path | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncGenerator[Runtime]:
    """Open every dependency in order; close them in reverse, also when a later one fails.

    `embedder` takes the place of the configured one; `model_cache` is where the packaged model
    is built the first time (default: the user's cache folder).

    Raises:
        Misconfigured: a setting is missing, a model file is wrong, or the database's schema is
            not this version's.
        Unavailable: PostgreSQL does not answer.
    """
    clock = clock or SystemClock()
    telemetry = telemetry or NoTelemetry()
    async with AsyncExitStack() as stack:
        records, feed, tenant_rules = await _open_store(settings, stack)
        if embedder is None:
            embedder = await stack.enter_async_context(
                open_embedder(
                    settings.embedder,
                    model_dir=settings.model_dir,
                    cache_dir=model_cache or _user_cache(),
                    telemetry=telemetry,
                )
            )
        recall = await stack.enter_async_context(
            RecallEngine.open(
                records=records,
                feed=feed,
                embedder=embedder,
                clock=clock,
                scoring=scoring_of(settings),
                policy=RecallPolicy(
                    deadline_s=settings.recall_deadline_seconds,
                    poll_s=settings.feed_interval_seconds,
                    budget_bytes=settings.slab_max_bytes,
                    language=settings.language,
                ),
                telemetry=telemetry,
            )
        )
        yield Runtime(
            remember=Remember(
                records=records,
                embedder=embedder,
                clock=clock,
                applied=recall.views,
                telemetry=telemetry,
            ),
            recall=recall,
            records=records,
            embedder=embedder,
            clock=clock,
            tenant_rules=tenant_rules,
        )


def scoring_of(settings: CoreSettings) -> Scoring:
    """The measured scoring, with what the settings say otherwise."""
    measured = Scoring()
    defaults = measured.weights
    weights = Weights(
        vector=_either(settings.recall_weight_vector, defaults.vector),
        keyword=_either(settings.recall_weight_keyword, defaults.keyword),
        context=_either(settings.recall_weight_context, defaults.context),
        recency=_either(settings.recall_weight_recency, defaults.recency),
    )
    return Scoring(
        weights=weights,
        beta=_either(settings.recall_beta, measured.beta),
        half_life_s=_either(settings.recall_half_life_seconds, measured.half_life_s),
    )


async def _open_store(
    settings: CoreSettings, stack: AsyncExitStack
) -> tuple[RecordStore, ChangeFeed, str]:
    if settings.postgres_url is None:
        raise Misconfigured("POSTGRES_URL is required (soma serve brings a PostgreSQL of its own)")
    if settings.postgres_url.value == IN_MEMORY:
        twin = InMemoryStore()
        return twin, twin, "kept by the in-memory store"
    pool = await stack.enter_async_context(
        open_pool(
            settings.postgres_url.value,
            size=settings.postgres_pool_size,
            ssl_mode=settings.postgres_ssl_mode,
            root_cert=_text(settings.postgres_ssl_root_cert),
            cert=_text(settings.postgres_ssl_cert),
            key=_text(settings.postgres_ssl_key),
        )
    )
    store = PostgresStore(pool)
    enforced = await store.rls_enforced()
    return store, store, "enforced" if enforced else "bypassed: the role is a superuser"


def _user_cache() -> Path:
    return Path.home() / ".cache" / "somafractalmemory" / "models"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _either[T](given: T | None, default: T) -> T:
    return default if given is None else given


def _counts(stats: StoreStats) -> Mapping[str, Json]:
    return {name: getattr(stats, name) for name in StoreStats.__dataclass_fields__}
