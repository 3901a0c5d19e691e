"""What stands before calls whose body or answer is a stream, and how they answer."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final, final, override

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfm_api.guards import check_type
from sfm_api.outbox import Outbox
from sfm_api.state import State
from sfm_core import encode, jsontext
from sfm_core.errors import DeadlineExceeded
from sfm_core.owned import owned_tasks

NDJSON: Final = "application/x-ndjson"


@final
class StreamLimited:
    """Refuses a body that is no NDJSON; cuts one of which no more comes for a while.

    How long it is in all is not limited: it is never held. What is in it is the reader's matter.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_type(Headers(scope=scope), NDJSON)
        complete = False

        async def watched() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            with anyio.move_on_after(self._seconds) as limit:
                message = await receive()
                complete = not message.get("more_body", False)
                return message
            if limit.cancelled_caught:
                raise HTTPException(408, f"nothing more of the body came for {self._seconds:g} s")
            raise AssertionError("unreachable")

        await self._app(scope, watched, send)


@final
class KeptAlive:
    """Ends a call on which nothing moves for so long: no piece came, and none went."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def receiving() -> Message:
            message = await receive()
            limit.deadline = anyio.current_time() + self._seconds
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            limit.deadline = anyio.current_time() + self._seconds
            await send(message)

        with anyio.move_on_after(self._seconds) as limit:
            await self._app(scope, receiving, sending)
        if limit.cancelled_caught and not started:
            raise DeadlineExceeded(f"nothing moved for {self._seconds:g} s")


async def incoming(request: Request[State]) -> AsyncIterator[bytes]:
    """The body in the pieces it comes in.

    Raises:
        DeadlineExceeded: no more of it came in time; said as an error of ours, because the
            answer may have begun.
        ClientDisconnect: the client went away.
    """
    try:
        async for chunk in request.stream():
            yield chunk
    except HTTPException as error:
        raise DeadlineExceeded(error.detail) from error


@final
class Results(Response):
    """An answer that is made while the request's body is read, sent as it is made.

    The client may read along, or send all first and read then.
    """

    def __init__(self, documents: AsyncGenerator[Sequence[encode.Document]]) -> None:
        super().__init__(media_type=NDJSON)
        del self.headers["content-length"]
        self._documents = documents

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async with Outbox.open() as outbox, owned_tasks() as tasks:
                sent = anyio.Event()
                tasks.start_soon(_send_all, outbox, send, sent)
                async with aclosing(self._documents) as results:
                    async for documents in results:
                        if documents:
                            await outbox.put(ndjson(documents))
                await outbox.close()
                await sent.wait()
        except ClientDisconnect:
            return  # what was in hand is done; nobody reads the rest


async def _send_all(outbox: Outbox, send: Send, sent: anyio.Event) -> None:
    while (piece := await outbox.take()) is not None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    sent.set()


def ndjson(documents: Sequence[encode.Document]) -> bytes:
    return b"".join(jsontext.dumps(document) + b"\n" for document in documents)
