"""Handlers of `/v1/{ns}/range` and `/v1/{ns}/keyword-search`: decode, call, encode."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode


async def inside(request: Request[State]) -> Response:
    said = headers.query(request, "min", "max", "limit", "cursor")
    runtime, namespace = request.state["services"].runtime, headers.namespace(request)
    page = await runtime.find.inside(namespace, decode.range_query(said))
    norms = await runtime.recall.norms(namespace, [m.draft.importance for m in page.memories])
    return await replies.large(lambda: encode.page(page, norms))


async def keyword_search(request: Request[State]) -> Response:
    headers.query(request)
    query = (await received(request, decode.keyword_query)).value
    find, namespace = request.state["services"].runtime.find, headers.namespace(request)
    hits = await find.by_keyword(namespace, query)
    return await replies.large(lambda: encode.keyword_hits(hits))
