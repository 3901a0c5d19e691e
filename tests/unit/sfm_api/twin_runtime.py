"""A runtime over the in-memory twin and the hash embedder."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sfm_core.adapters.embedders import ObservedEmbedder
from sfm_core.assembled import Runtime
from sfm_core.factory import open_runtime
from sfm_core.model import Quota
from sfm_core.ports import Clock, Telemetry
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret

TWINS = CoreSettings(postgres_url=Secret("memory://"), embedder="hash")


@asynccontextmanager
async def twin_runtime(
    *,
    clock: Clock | None = None,
    embedder: ObservedEmbedder | None = None,
    telemetry: Telemetry | None = None,
    quota: Quota | None = None,
) -> AsyncGenerator[Runtime]:
    async with open_runtime(
        TWINS, clock=clock, embedder=embedder, telemetry=telemetry, quota=quota
    ) as runtime:
        yield runtime
