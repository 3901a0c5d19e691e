"""Handlers of `/v1/{ns}/recall`: decode, call, encode."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.state import State
from sfm_core import decode, encode


async def recall(request: Request[State]) -> Response:
    headers.query(request)
    query = (await received(request, decode.recall_query)).value
    found = await request.state["services"].runtime.recall.recall(headers.namespace(request), query)
    return await replies.large(lambda: encode.recall_result(found, query))


async def recall_batch(request: Request[State]) -> Response:
    headers.query(request)
    queries = (await received(request, decode.recall_batch, batch=True)).value
    found = await request.state["services"].runtime.recall.recall_many(
        headers.namespace(request), queries
    )
    return await replies.large(lambda: encode.recall_results(found, queries))
