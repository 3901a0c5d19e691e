"""Handlers about a namespace as a whole."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode
from sfm_core.model import Projected


async def erase(request: Request[State]) -> Response:
    headers.query(request)
    done = await request.state["services"].runtime.erase.erase(headers.namespace(request))
    return replies.json(encode.erasure(done))


async def rebuild(request: Request[State]) -> Response:
    headers.query(request)
    body = await received(request, decode.projection)
    done = await request.state["services"].runtime.rebuild.rebuild(
        headers.namespace(request), Projected(body.value)
    )
    return replies.json(encode.rebuilt(done))
