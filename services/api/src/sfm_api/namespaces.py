"""Handlers about a namespace as a whole."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode

REBUILD_S: Final = 30.0
"""A portion of vectors begins no page later than this: a fourth of the call's deadline."""


async def erase(request: Request[State]) -> Response:
    headers.query(request)
    headers.keyless(request)
    done = await request.state["services"].runtime.erase.erase(headers.namespace(request))
    return replies.json(encode.erasure(done))


async def rebuild(request: Request[State]) -> Response:
    headers.query(request)
    headers.keyless(request)
    asked = (await received(request, decode.rebuild)).value
    done = await request.state["services"].runtime.rebuild.rebuild(
        headers.namespace(request), asked.projection, after=asked.after, within_s=REBUILD_S
    )
    return replies.json(encode.rebuilt(done))
