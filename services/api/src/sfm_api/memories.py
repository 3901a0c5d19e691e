"""Handlers of `/v1/{ns}/memories`: decode, call, encode."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode
from sfm_core.decode.limits import MAX_SHOWN_LINKS
from sfm_core.model import Stored
from sfm_core.offload import taken_apart


async def store(request: Request[State]) -> Response:
    wait = headers.wait(request)
    at, precondition = headers.coordinate(request), headers.precondition(request)
    body = await received(request, decode.memory_draft)
    stored = await request.state["services"].runtime.remember.store(
        headers.namespace(request),
        at,
        body.value,
        precondition=precondition,
        receipt=headers.receipt(request, body.digest),
        wait=wait,
    )
    return replies.stored(stored, wait=wait, status=_made(stored))


async def remember(request: Request[State]) -> Response:
    wait = headers.wait(request)
    body = await received(request, decode.memory_with_coordinate)
    coordinate, draft = body.value
    stored = await request.state["services"].runtime.remember.remember(
        headers.namespace(request),
        draft,
        coordinate=coordinate,
        receipt=headers.receipt(request, body.digest),
        wait=wait,
    )
    return replies.stored(stored, wait=wait, status=_made(stored))


async def store_many(request: Request[State]) -> Response:
    wait = headers.wait(request)
    services = request.state["services"]
    judged = partial(decode.batch, item_bytes=services.json.size_bytes)
    body = await received(request, judged, batch=True)
    stored = await services.runtime.remember.store_many(
        headers.namespace(request),
        body.value,
        receipt=headers.receipt(request, body.digest),
        wait=wait,
    )
    await taken_apart(body.value)
    said = replies.written(stored.position, replayed=stored.replayed)
    request_id = request.state["request_id"]
    return await replies.large(
        lambda: encode.batch_stored(stored, request_id=request_id),
        said,
        status=replies.code(wait),
    )


async def get(request: Request[State]) -> Response:
    said = headers.query(request, "version", "include")
    linked = decode.links_asked(said)
    version = decode.version_asked({k: v for k, v in said.items() if k != "include"})
    runtime, namespace = request.state["services"].runtime, headers.namespace(request)
    at = headers.coordinate(request)
    if version is None:
        memory = await runtime.remember.get(namespace, at)
    else:
        memory = await runtime.lifecycle.version(namespace, at, version)
    [norm] = await runtime.recall.norms(namespace, [memory.draft.importance])
    links = None
    if linked:
        found = await runtime.graph.links_of(namespace, [memory.id], limit=MAX_SHOWN_LINKS)
        links = found.get(memory.id, ())
    document = encode.memory(memory, importance_norm=norm, links=links)
    return replies.json(document, headers=replies.etag(memory.version))


async def list_page(request: Request[State]) -> Response:
    said = headers.query(request, "kind", "tag", "filter", "since", "until", "limit", "cursor")
    runtime, namespace = request.state["services"].runtime, headers.namespace(request)
    page = await runtime.remember.list(namespace, decode.list_query(said))
    norms = await runtime.recall.norms(namespace, [m.draft.importance for m in page.memories])
    return await replies.large(lambda: encode.page(page, norms))


async def delete(request: Request[State]) -> Response:
    wait = headers.wait(request)
    deleted = await request.state["services"].runtime.remember.delete(
        headers.namespace(request),
        headers.coordinate(request),
        precondition=headers.precondition(request),
        receipt=headers.receipt(request),
        wait=wait,
    )
    said = replies.written(deleted.position, replayed=deleted.replayed)
    return Response(status_code=replies.code(wait, 204), headers=said)


def _made(stored: Stored) -> int:
    return 201 if stored.created else 200
