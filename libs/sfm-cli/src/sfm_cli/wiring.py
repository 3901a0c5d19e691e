"""The product in this process: the REST application over an open runtime, without a socket.

The same code judges and answers as in a server, so both give the same documents.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx

from sfm_api.app import create_app
from sfm_api.limits import Limits
from sfm_cli.client import Document
from sfm_cli.inprocess import InProcessTransport
from sfm_cli.rest import RestClient
from sfm_core.adapters.embedders import open_embedder
from sfm_core.adapters.models import checks, failed, known_models
from sfm_core.adapters.postgres.migrate import migrate
from sfm_core.errors import Misconfigured
from sfm_core.factory import IN_MEMORY, open_runtime, user_cache
from sfm_core.model import EmbedderInfo
from sfm_core.owned import owned_tasks
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret
from sfm_events.dlq import REPLAYER, DeadLetters
from sfm_events.kafka_settings import KafkaSettings
from sfm_events.transports.kafka import KafkaTransport
from sfm_standalone.postgres import EmbeddedPostgres
from sfm_standalone.settings import StandaloneSettings
from sfm_standalone.wiring import MODELS, open_core

_HOST: Final = "http://soma"
_PATIENCE_S: Final = 600.0
"""For one call: there is no other client, and each process loads what it needs first."""


@asynccontextmanager
async def open_local(
    settings: StandaloneSettings, namespace: str, *, data_dir: Path | None
) -> AsyncGenerator[RestClient]:
    """A client of the product in this process.

    Over the embedded PostgreSQL of `data_dir`, which the caller holds; when that is None, over
    `POSTGRES_URL`, whose schema is left as it is: migrating it is a step of its own.

    Raises:
        Misconfigured: a setting, the data directory or the database will not do.
        Unavailable: PostgreSQL does not answer.
    """
    token = Secret(secrets.token_urlsafe(32))
    async with AsyncExitStack() as stack:
        core = settings.core
        if data_dir is not None:
            core = await stack.enter_async_context(open_core(core, data_dir))
        runtime = await stack.enter_async_context(
            open_runtime(core, model_cache=_model_cache(data_dir or settings.data_dir))
        )
        limits = replace(
            Limits.of(settings.http),
            request_s=_PATIENCE_S,
            batch_s=_PATIENCE_S,
            body_s=_PATIENCE_S,
            stream_s=_PATIENCE_S,
        )
        app = create_app(runtime, ApiSettings.of(settings.http, token), limits=limits)
        tasks = await stack.enter_async_context(owned_tasks())
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=InProcessTransport(app, tasks),
                base_url=_HOST,
                headers={"Authorization": f"Bearer {token.value}"},
            )
        )
        yield RestClient(http, namespace)


async def migrate_given(core: CoreSettings) -> list[str]:
    """Bring the schema of `POSTGRES_URL` up to this code; the migrations applied now.

    Raises:
        Misconfigured, Unavailable: as `migrate`.
    """
    if core.postgres_url is None or core.postgres_url.value == IN_MEMORY:
        raise Misconfigured("POSTGRES_URL names no database to migrate")
    return await migrate(
        core.postgres_url.value,
        ssl_mode=core.postgres_ssl_mode,
        root_cert=_text(core.postgres_ssl_root_cert),
        cert=_text(core.postgres_ssl_cert),
        key=_text(core.postgres_ssl_key),
    )


async def migrate_embedded(data_dir: Path) -> list[str]:
    """The same for the embedded PostgreSQL of a data directory that the caller holds."""
    async with EmbeddedPostgres.open(data_dir) as server:
        return await migrate(server.dsn)


@asynccontextmanager
async def open_letters(settings: KafkaSettings) -> AsyncGenerator[DeadLetters]:
    """The dead letters on Kafka.

    Raises:
        Misconfigured: Kafka refuses us.
    """
    transport = await KafkaTransport.connect(settings)
    async with transport.producer() as producer, transport.dead_letters(REPLAYER) as source:
        yield DeadLetters(source, producer, topic=settings.kafka_memory_events_topic)


def list_models(settings: StandaloneSettings) -> list[Document]:
    """The models at hand as JSON-ready objects; `in_use` marks what a server would take.

    Raises:
        Misconfigured: a model is not what it should be.
    """
    core = settings.core
    cache = _model_cache(settings.data_dir) or user_cache()
    found = known_models(model_dir=core.model_dir, cache_dir=cache)
    used = found[-1] if core.embedder == "hash" else found[0]
    return [_model(one.info, one.path) | {"in_use": one is used} for one in found]


async def check_model(settings: StandaloneSettings, folder: Path | None) -> Document:
    """`{model, checks, ok}` of the model in `folder`, else of the one in use.

    Raises:
        Misconfigured: it is no model folder.
    """
    core = settings.core
    async with open_embedder(
        "onnx" if folder is not None else core.embedder,
        model_dir=folder or core.model_dir,
        cache_dir=_model_cache(settings.data_dir) or user_cache(),
    ) as embedder:
        found = await checks(embedder)
        return {
            "model": _model(embedder.info, folder or core.model_dir),
            "checks": [{"name": one.name, "ok": one.ok, "detail": one.detail} for one in found],
            "ok": not failed(found),
        }


def _model(info: EmbedderInfo, path: Path | None) -> Document:
    return {
        "name": info.name,
        "model_revision": info.model_revision,
        "dim": info.dim,
        "floor": info.floor,
        "semantic": info.semantic,
        "licence": info.extra.get("licence"),
        "path": None if path is None else str(path),
    }


def _model_cache(data_dir: Path) -> Path | None:
    """Where a server here would build the model; None (the user's cache) where there is none."""
    return data_dir / MODELS if data_dir.is_dir() else None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
