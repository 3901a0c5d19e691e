"""The service put together: dependencies opened, the app over them, served until told to stop."""

import logging
from typing import Final

import anyio

from sfm_api.app import create_app
from sfm_api.settings import ServiceSettings
from sfm_core.factory import open_runtime
from sfm_core.model import Quota
from sfm_core.runtime.garbage import set_aside
from sfm_core.runtime.http_server import serve_http
from sfm_core.runtime.metrics import open_telemetry, watch_loop
from sfm_core.runtime.tracing import Tracing

log = logging.getLogger(__name__)

CUT_S: Final = 1.0
"""Kept back from the grace period for cutting what did not drain, and for closing."""


async def run(settings: ServiceSettings, stopping: anyio.Event, *, tracing: Tracing) -> None:
    """Serve until `stopping` is set, then drain and close.

    Raises:
        Misconfigured: the address is in use, the schema is another version's, a model is wrong.
        Unavailable: PostgreSQL does not answer at the start.
    """
    telemetry = open_telemetry()
    async with open_runtime(
        settings.core,
        warm_up=True,
        warmed=set_aside,
        telemetry=tracing.observing(telemetry),
        quota=Quota.of(settings.http.rate_limit, settings.http.rate_limit_window_seconds),
    ) as runtime:
        app = create_app(runtime, settings.http, telemetry=telemetry, tracing=tracing)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch_loop, telemetry)
            await serve_http(
                app,
                host=settings.http.http_host,
                port=settings.http.http_port,
                stopping=stopping,
                drain_s=max(0.0, settings.http.shutdown_grace_seconds - CUT_S),
            )
            tasks.cancel_scope.cancel()
