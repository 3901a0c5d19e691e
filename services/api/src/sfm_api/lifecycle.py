"""Handlers of what becomes of memories: decode, call, encode."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode


async def patch(request: Request[State]) -> Response:
    wait = headers.wait(request)
    at, precondition = headers.coordinate(request), headers.precondition(request)
    body = await received(request, decode.memory_patch)
    stored = await request.state["services"].runtime.lifecycle.patch(
        headers.namespace(request),
        at,
        body.value,
        precondition=precondition,
        receipt=headers.receipt(request, body.digest),
        wait=wait,
    )
    return replies.stored(stored, wait=wait)


async def history(request: Request[State]) -> Response:
    at = headers.coordinate(request)
    asked = decode.history_query(headers.query(request, "limit", "before"))
    found = await request.state["services"].runtime.lifecycle.history(
        headers.namespace(request), at, asked
    )
    return await replies.large(lambda: encode.history(found))


async def restore(request: Request[State]) -> Response:
    wait = headers.wait(request)
    at, precondition = headers.coordinate(request), headers.precondition(request)
    body = await received(request, decode.restored_version)
    stored = await request.state["services"].runtime.lifecycle.restore(
        headers.namespace(request),
        at,
        body.value,
        precondition=precondition,
        receipt=headers.receipt(request, body.digest),
        wait=wait,
    )
    return replies.stored(stored, wait=wait)


async def delete_many(request: Request[State]) -> Response:
    wait = headers.wait(request)
    body = await received(request, decode.selection)
    done = await request.state["services"].runtime.lifecycle.delete_many(
        headers.namespace(request),
        body.value,
        receipt=headers.receipt(request, body.digest),
        wait=wait,
    )
    said = replies.written(done.position, replayed=done.replayed)
    return replies.json(encode.deleted_many(done), replies.code(wait), said)
