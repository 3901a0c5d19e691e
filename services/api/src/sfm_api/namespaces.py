"""Handlers about a namespace as a whole."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.state import State
from sfm_core import encode


async def erase(request: Request[State]) -> Response:
    headers.query(request)
    done = await request.state["services"].runtime.erase.erase(headers.namespace(request))
    return replies.json(encode.erasure(done))
