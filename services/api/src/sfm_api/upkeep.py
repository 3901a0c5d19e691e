"""Handlers of `/v1/{ns}/decay:run` and `reconcile:run`: decode, call, encode."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode


async def run(request: Request[State]) -> Response:
    headers.query(request)
    headers.keyless(request)
    dry_run = (await received(request, decode.upkeep_run)).value
    upkeep = request.state["services"].runtime.upkeep
    done = await upkeep.run(headers.namespace(request), dry_run=dry_run)
    return replies.json(encode.upkeep_report(done))


async def reconcile(request: Request[State]) -> Response:
    headers.query(request)
    headers.keyless(request)
    asked = (await received(request, decode.reconcile_run)).value
    done = await request.state["services"].runtime.reconcile.run(
        headers.namespace(request), jobs=asked.jobs, dry_run=asked.dry_run
    )
    return replies.json(encode.reconcile_report(done))
