"""Handlers of `/v1/{ns}/links`, of neighbours and of paths: decode, call, encode."""

from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode, jsontext
from sfm_core.model import Json


async def link(request: Request[State]) -> Response:
    headers.query(request)
    body = await received(request, decode.link)
    linked = await request.state["services"].runtime.graph.link(
        headers.namespace(request), body.value, receipt=headers.receipt(request, body.digest)
    )
    said = replies.etag(linked.link.version) | replies.written(
        linked.link.position, replayed=linked.replayed
    )
    return replies.json(encode.link(linked.link), 201 if linked.created else 200, said)


async def unlink(request: Request[State]) -> Response:
    key = decode.link_key(headers.query(request, "from", "to", "type"))
    named: Json = [key.origin.text, key.target.text, key.type]
    digest = blake2b(jsontext.canonical(named), digest_size=32).digest()
    unlinked = await request.state["services"].runtime.graph.unlink(
        headers.namespace(request), key, receipt=headers.receipt(request, digest)
    )
    said = replies.written(unlinked.position, replayed=unlinked.replayed)
    return Response(status_code=204, headers=said)


async def path(request: Request[State]) -> Response:
    said = headers.query(request, "from", "to", "type", "min_position")
    found = await request.state["services"].runtime.graph.path(
        headers.namespace(request), decode.path_query(said)
    )
    return await replies.large(lambda: encode.path(found))


async def neighbors(request: Request[State]) -> Response:
    said = headers.query(request, "type", "direction", "limit", "cursor")
    page = await request.state["services"].runtime.graph.neighbors(
        headers.namespace(request), headers.coordinate(request), decode.neighbor_query(said)
    )
    return await replies.large(lambda: encode.neighbors(page))
