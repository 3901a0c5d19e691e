"""The ASGI application: the calls of `contract`, inside the envelope."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from sfm_api import contract, pages, problems
from sfm_api.credentials import AdminToken, Credentials
from sfm_api.envelope import Envelope
from sfm_api.guards import Gate
from sfm_api.limits import Limits
from sfm_api.openapi import document, older
from sfm_api.operations import routes
from sfm_api.services import Services
from sfm_core import jsontext
from sfm_core.assembled import Runtime, show
from sfm_core.errors import SfmError
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.metrics import PrometheusTelemetry, open_telemetry
from sfm_core.runtime.readiness import Cached, Dependency, Readiness
from sfm_core.runtime.tracing import NoTracing, Tracing


def create_app(
    runtime: Runtime,
    settings: ApiSettings,
    *,
    credentials: Credentials | None = None,
    limits: Limits | None = None,
    telemetry: PrometheusTelemetry | None = None,
    tracing: Tracing | None = None,
    also: Callable[[], Sequence[Dependency]] = tuple,
) -> Starlette:
    """The application over an open runtime, which it neither opens nor closes.

    `credentials` default to the admin token of the settings, `limits` to theirs; `telemetry`
    is where requests are counted and what `/metrics` shows, `tracing` where their traces go;
    `also` is what readiness tells beside the runtime's.
    """
    limits = limits or Limits.of(settings)
    telemetry = telemetry or open_telemetry()
    show(runtime, telemetry)
    openapi = document.build(contract.OPERATIONS, version=version("sfm-api"))
    services = Services(
        runtime=runtime,
        readiness=Cached(partial(_readiness, runtime, also)),
        telemetry=telemetry,
        tracing=tracing or NoTracing(),
        json=replace(jsontext.ONE, size_bytes=limits.body_bytes),
        batch_json=replace(jsontext.BATCH, size_bytes=limits.batch_body_bytes),
        followers=Gate(limits.followers),
        version=version("sfm-api"),
        openapi=pages.as_bytes(openapi),
        openapi_3_0=pages.as_bytes(older.as_3_0(openapi)),
    )
    app = Starlette(
        routes=routes(
            contract.OPERATIONS,
            credentials=credentials or AdminToken(settings.api_token),
            limits=limits,
            limiter=runtime.shared.limiter,
        ),
        middleware=[Middleware(Envelope, services=services), *_cors(settings.cors_origins)],
        exception_handlers={
            SfmError: problems.on_sfm_error,
            HTTPException: problems.on_http_exception,
            ClientDisconnect: problems.on_disconnect,
        },
    )
    app.router.redirect_slashes = False
    return app


async def _readiness(runtime: Runtime, also: Callable[[], Sequence[Dependency]]) -> Readiness:
    found = await runtime.readiness()
    return replace(found, dependencies=(*found.dependencies, *also()))


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "PUT", "POST", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "Last-Event-ID",
                "X-Request-ID",
            ],
            expose_headers=[
                "ETag",
                "Idempotent-Replay",
                "RateLimit-Limit",
                "RateLimit-Policy",
                "RateLimit-Remaining",
                "RateLimit-Reset",
                "Retry-After",
                "Sfm-Position",
                "X-Request-ID",
            ],
        )
    ]
