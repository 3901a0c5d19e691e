"""A recall as server-sent events: each hit as soon as it is fetched, then `done`."""

from typing import final, override

import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sfm_api.event_stream import MEDIA
from sfm_core import encode, jsontext
from sfm_core.errors import SfmError
from sfm_core.model import Hit
from sfm_core.recall.engine import RecallEngine
from sfm_core.recall.streaming import HitStream
from sfm_core.runtime.wire import problem


@final
class HitEvents(Response):
    """`hit` events in the order of their rank, then one `done` with what else the answer says.

    An outage after the first hits ends the stream with an `error` event, a problem document; a
    stream without `done` is not whole.
    """

    media_type = MEDIA

    def __init__(
        self, engine: RecallEngine, namespace: str, hits: HitStream, *, request_id: str
    ) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._engine = engine
        self._namespace = namespace
        self._hits = hits
        self._request_id = request_id

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            last = await self._sent(send)
        except SfmError as error:
            last = _event("error", problem(error, self._request_id))
        await send({"type": "http.response.body", "body": last})

    async def _sent(self, send: Send) -> bytes:
        """Send the hits; the event that ends the stream."""
        while (page := await self._hits.page()) is not None:
            if page:
                body = await anyio.to_thread.run_sync(self._written, page)
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self._engine.seen(self._namespace, page)
        return _event("done", encode.recall_facts(self._hits.summary(), self._hits.query))

    def _written(self, page: tuple[Hit, ...]) -> bytes:
        query = self._hits.query
        return b"".join(
            _event("hit", encode.hit(one, payload=query.include_payload, text=query.include_text))
            for one in page
        )


def _event(name: str, document: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), jsontext.dumps(document))
