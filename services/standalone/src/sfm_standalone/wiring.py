"""Where everything of the one-process server is opened, in order, and closed in reverse."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio
from starlette.applications import Starlette

from sfm_api.app import create_app
from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.assembled import Runtime
from sfm_core.errors import Misconfigured
from sfm_core.factory import IN_MEMORY, open_runtime
from sfm_core.model import Quota
from sfm_core.owned import owned_tasks
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry
from sfm_core.runtime.readiness import Dependency
from sfm_core.runtime.secret import Secret
from sfm_core.runtime.tracing import Tracing
from sfm_events.consumer_settings import ConsumerSettings
from sfm_events.consuming import open_loop
from sfm_events.health import Health
from sfm_events.loop import ConsumerLoop
from sfm_events.transports.postgres import PostgresTransport
from sfm_standalone.postgres import EmbeddedPostgres
from sfm_standalone.settings import StandaloneSettings
from sfm_vector_indexer.handler import VectorIndexer

INDEXER: Final = "vector-indexer"
"""Name of the group, in metrics and dead letters."""

MODELS: Final = "models"
"""Folder in the data directory in which the packaged model is built at the first start."""

VIEWS: Final = "views"
"""Folder in the data directory in which recall views are put aside for a quick start."""


@asynccontextmanager
async def open_core(settings: CoreSettings, data_dir: Path) -> AsyncGenerator[CoreSettings]:
    """The settings with a PostgreSQL that is there and migrated: the given one, or our own.

    The caller holds the data directory (`DataDir.held`).

    Raises:
        Misconfigured: the database or the data folder will not do.
        Unavailable: PostgreSQL does not answer.
    """
    if settings.postgres_url is not None:
        if settings.postgres_url.value != IN_MEMORY:
            await _migrate(settings)
        yield settings
        return
    async with EmbeddedPostgres.open(data_dir) as server:
        ours = replace(
            settings,
            postgres_url=Secret(server.dsn),
            postgres_ssl_mode=None,
            slab_snapshot_dir=settings.slab_snapshot_dir or data_dir / VIEWS,
        )
        await _migrate(ours)
        yield ours


@asynccontextmanager
async def open_app(
    settings: StandaloneSettings,
    *,
    data_dir: Path,
    token: Secret,
    tracing: Tracing,
    warmed: Callable[[], None] | None = None,
) -> AsyncGenerator[tuple[Starlette, PrometheusTelemetry]]:
    """The REST application over an open runtime, ready for requests, that reconciles itself.

    `warmed` is called when the views that there is room for are loaded.
    """
    telemetry = open_telemetry()
    async with (
        open_core(settings.core, data_dir) as core,
        open_runtime(
            core,
            model_cache=data_dir / MODELS,
            warm_up=True,
            warmed=warmed,
            telemetry=tracing.observing(telemetry),
            quota=Quota.of(settings.rate_limit, settings.http.rate_limit_window_seconds),
        ) as runtime,
        owned_tasks() as tasks,
    ):
        tasks.start_soon(runtime.schedule.run)
        indexing: list[ConsumerLoop] = []
        if runtime.vectors is not None:
            tasks.start_soon(_index, runtime, telemetry, tracing, indexing)
        api = ApiSettings.of(settings.http, token)
        yield (
            create_app(
                runtime,
                api,
                telemetry=telemetry,
                tracing=tracing,
                also=lambda: [_indexer(loop.health) for loop in indexing],
            ),
            telemetry,
        )


def _indexer(health: Health) -> Dependency:
    """As `/readyz` tells it: recall answers without, and stores tell the index themselves."""
    return Dependency(name=INDEXER, ok=health.ready, required=False, detail=health.detail)


async def _index(
    runtime: Runtime,
    telemetry: PrometheusTelemetry,
    tracing: Tracing,
    running: list[ConsumerLoop],
) -> None:
    """Bring the vector index up to the log, until cancelled: what the vector-indexer does, over
    the log of the record store. A cut in between is gone over again. `running` gets its loop.
    """
    async with open_loop(
        INDEXER,
        transport=PostgresTransport(runtime.groups, listening=runtime.wakes.watching_all),
        handler=VectorIndexer(
            indexing=runtime.indexing,
            vectors=runtime.vectors,
            eraser=runtime.eraser,
            telemetry=telemetry,
        ),
        settings=ConsumerSettings(),
        grace_s=0.0,
        telemetry=telemetry,
        tracing=tracing,
    ) as loop:
        running.append(loop)
        await loop.run(anyio.Event())


async def _migrate(settings: CoreSettings) -> None:
    if settings.postgres_url is None:
        raise Misconfigured("POSTGRES_URL is required")
    await migrate(
        settings.postgres_url.value,
        ssl_mode=settings.postgres_ssl_mode,
        root_cert=_text(settings.postgres_ssl_root_cert),
        cert=_text(settings.postgres_ssl_cert),
        key=_text(settings.postgres_ssl_key),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
