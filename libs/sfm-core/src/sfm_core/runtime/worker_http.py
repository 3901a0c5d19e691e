"""What a worker shows of itself: `/metrics`, `/healthz` and `/readyz` on a port of its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from types import MappingProxyType
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sfm_core import jsontext
from sfm_core.errors import Unavailable
from sfm_core.runtime.http_server import serve_http
from sfm_core.runtime.metrics import CONTENT_TYPE, PrometheusTelemetry, watch_loop
from sfm_core.runtime.readiness import Cached, Dependency, Readiness
from sfm_core.runtime.worker_settings import WorkerSettings

READY_WITHIN_S: Final = 3.0
"""What the dependencies get to answer a probe, which itself waits no longer than that or so."""
_DRAIN_S: Final = 1.0
_HEADERS: Final = MappingProxyType({"Cache-Control": "no-store"})

type Ready = Callable[[], Awaitable[Readiness]]


def worker_app(
    *,
    service: str,
    telemetry: PrometheusTelemetry,
    ready: Ready,
    ready_within_s: float = READY_WITHIN_S,
) -> Starlette:
    """The three routes, open to whoever reaches the port; nothing else is answered.

    `/healthz` asks nobody: it says that the process and its loop go round. `/readyz` is 200, or
    503 when something required is down or does not answer within `ready_within_s`, with the
    state of each dependency; `ready` is asked once for many probes, at most once a second.
    """
    cached = Cached(partial(_answered, service, ready, ready_within_s))

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok", "service": service})

    async def readyz(_: Request) -> Response:
        known = await cached.get()
        dependencies = [asdict(one) for one in known.dependencies]
        body = {"ready": known.ready, "service": service, "dependencies": dependencies}
        return _json(body, 200 if known.ready else 503)

    async def metrics(_: Request) -> Response:
        body = await anyio.to_thread.run_sync(telemetry.render)
        return Response(body, headers={"Content-Type": CONTENT_TYPE, **_HEADERS})

    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )
    app.router.redirect_slashes = False
    return app


@asynccontextmanager
async def watched(
    settings: WorkerSettings, *, service: str, telemetry: PrometheusTelemetry, ready: Ready
) -> AsyncGenerator[int]:
    """Serve `worker_app`, and watch the loop, while the block runs; gives the port.

    Do the work inside, its draining too: probes and metrics are answered until it is done.

    Raises:
        ExceptionGroup: of `Misconfigured`, when the address cannot be listened on, or of what
            the block raises.
    """
    app = worker_app(service=service, telemetry=telemetry, ready=ready)
    done = anyio.Event()
    serve = partial(
        serve_http,
        app,
        host=settings.metrics_host,
        port=settings.metrics_port,
        stopping=done,
        drain_s=_DRAIN_S,
    )
    async with anyio.create_task_group() as tasks:

        async def run(*, task_status: TaskStatus[int]) -> None:
            await serve(task_status=task_status)
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch_loop, telemetry)
        port: int = await tasks.start(run)
        yield port
        done.set()


async def _answered(service: str, ready: Ready, within_s: float) -> Readiness:
    """What `ready` says; an outage that it raises, and its silence, are answers too."""
    try:
        with anyio.fail_after(within_s):
            return await ready()
    except TimeoutError:
        detail = f"no answer within {within_s:g} s"
    except Unavailable as error:
        detail = error.detail
    return Readiness(
        dependencies=[Dependency(name=service, ok=False, required=True, detail=detail)]
    )


def _json(body: dict[str, object], status: int = 200) -> Response:
    return Response(jsontext.dumps(body), status, _HEADERS, media_type="application/json")
