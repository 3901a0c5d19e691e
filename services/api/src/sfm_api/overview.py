"""Handlers that say how things stand: counts, namespaces, health, readiness, metrics."""

from dataclasses import asdict

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.state import State
from sfm_core.errors import ErrorKind
from sfm_core.runtime.metrics import CONTENT_TYPE


async def stats(request: Request[State]) -> Response:
    headers.query(request)
    services = request.state["services"]
    return replies.json(await services.runtime.stats(headers.namespace(request)))


async def namespaces(request: Request[State]) -> Response:
    headers.query(request)
    known = await request.state["services"].runtime.records.namespaces()
    principal = request.state["principal"]
    return replies.json({"namespaces": [name for name in known if principal.sees(name)]})


async def healthz(request: Request[State]) -> Response:
    del request
    return replies.json({"status": "ok"})


async def readyz(request: Request[State]) -> Response:
    readiness = await request.state["services"].readiness.get()
    embedder = request.state["services"].runtime.embedder.info.name
    body = {
        "ready": readiness.ready,
        "embedder": embedder,
        "dependencies": [asdict(one) for one in readiness.dependencies],
    }
    if not readiness.ready:
        request.scope["state"]["outcome"] = ErrorKind.UNAVAILABLE.value
    return replies.json(body, 200 if readiness.ready else 503)


async def metrics(request: Request[State]) -> Response:
    telemetry = request.state["services"].telemetry
    body = await anyio.to_thread.run_sync(telemetry.render)
    return Response(body, headers={"Content-Type": CONTENT_TYPE})
