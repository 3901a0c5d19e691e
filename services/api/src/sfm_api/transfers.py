"""Handlers of `/v1/{ns}/export` and `/v1/{ns}/import`: decode, call, encode."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sfm_api import headers
from sfm_api.state import State
from sfm_api.streams import NDJSON, Results, incoming, ndjson
from sfm_core import decode
from sfm_core.errors import SfmError
from sfm_core.runtime.wire import problem


async def export(request: Request[State]) -> Response:
    asked = decode.export_query(headers.query(request, "history", "vectors"))
    pieces = request.state["services"].runtime.exports.lines(
        headers.namespace(request), history=asked.history, vectors=asked.vectors
    )
    first = await anext(pieces)  # what fails before anything was sent has a status of its own
    if request.method == "HEAD":
        return Response(media_type=NDJSON)
    return StreamingResponse(
        _to_the_end(first, pieces, request.state["request_id"]), media_type=NDJSON
    )


async def import_(request: Request[State]) -> Response:
    headers.keyless(request)
    mode = decode.import_mode(headers.query(request, "mode"))
    services = request.state["services"]
    results = services.runtime.imports.results(
        headers.namespace(request),
        incoming(request),
        mode=mode,
        max_line_bytes=2 * services.json.size_bytes,
        request_id=request.state["request_id"],
    )
    return Results(results)


async def _to_the_end(
    first: bytes, pieces: AsyncGenerator[bytes], request_id: str
) -> AsyncIterator[bytes]:
    """The status is sent: a failure is a last line, and the end line that a whole file has is not
    there.
    """
    yield first
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    except SfmError as error:
        yield ndjson([{"sfm": "failed", "error": problem(error, request_id)}])
