"""Handlers of `/v1/{ns}/recall`: decode, call, encode."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import headers, replies
from sfm_api.body import received
from sfm_api.hit_stream import HitEvents
from sfm_api.state import State
from sfm_core import decode, encode


async def recall(request: Request[State]) -> Response:
    headers.query(request)
    engine = request.state["services"].runtime.recall
    asked = partial(decode.recall_query, weights=engine.weights)
    query = (await received(request, asked)).value
    if headers.accepts_events(request):
        namespace, request_id = headers.namespace(request), request.state["request_id"]
        hits = await engine.stream(namespace, query)
        return HitEvents(engine, namespace, hits, request_id=request_id)
    found = await engine.recall(headers.namespace(request), query)
    much = encode.much_to_show(found)
    return await replies.large(lambda: encode.recall_result(found, query), when=much)


async def recall_batch(request: Request[State]) -> Response:
    headers.query(request)
    engine = request.state["services"].runtime.recall
    asked = partial(decode.recall_batch, weights=engine.weights)
    queries = (await received(request, asked, batch=True)).value
    found = await engine.recall_many(headers.namespace(request), queries)
    return await replies.large(lambda: encode.recall_results(found, queries))
