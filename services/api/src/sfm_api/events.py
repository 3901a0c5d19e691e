"""Handlers of `/v1/{ns}/events`: a page, or a stream that follows the log."""

from starlette.requests import Request
from starlette.responses import Response

from sfm_api import event_stream, headers, replies
from sfm_api.state import State
from sfm_core import decode, encode


async def events(request: Request[State]) -> Response:
    """A JSON page, or server-sent events for whom asks for `text/event-stream`."""
    said = headers.query(request, "after", "limit")
    namespace, services = headers.namespace(request), request.state["services"]
    streams = request.method == "GET" and headers.accepts_events(request)
    last = headers.last_event(request)
    if streams and last is not None:
        said["after"] = last
    query = decode.event_query(said)
    if not streams:
        page = await services.runtime.following.page(
            namespace, after=query.after, limit=query.limit
        )
        return await replies.large(lambda: encode.event_page(page))
    services.followers.enter()
    try:
        # an outage is answered as one, before anything is promised
        await services.runtime.following.page(namespace, after=query.after, limit=1)
    except BaseException:  # also when cancelled: the place is given back, and it goes on
        services.followers.leave()
        raise
    pages = services.runtime.following.follow(
        namespace, after=query.after, limit=query.limit, idle_s=event_stream.IDLE_S
    )
    return event_stream.EventStream(pages, gate=services.followers)
