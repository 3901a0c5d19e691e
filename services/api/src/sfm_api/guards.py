"""What stands between a route and its handler: pure ASGI, one rule each.

Order, from the outside: `Authenticated`, `RateLimited`, `Authorized`, `Admitted`, `Deadlined`,
`Watched`, `BodyLimited`. So a request that is refused for its credential, or because its holder
calls too often, is refused before a byte of its body is read.
"""

from hashlib import blake2b
from typing import Final, final

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfm_api.credentials import Access, Credentials, Principal
from sfm_core.coordinates import checked_namespace
from sfm_core.errors import DeadlineExceeded, TooLarge, Unauthenticated, Unavailable

_JSON: Final = "application/json"
_CHARSETS: Final = frozenset({"", "utf-8", "utf8"})


@final
class Authenticated:
    """Lets through who has a known token.

    Sets `state["principal"]`, and `state["subject"]`: a digest of the token, for counting.
    """

    def __init__(self, app: ASGIApp, *, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _bearer(Headers(scope=scope))
        principal = await self._credentials.principal(token)
        if principal is None:
            raise Unauthenticated("this token is not known")
        scope["state"]["principal"] = principal
        scope["state"]["subject"] = blake2b(
            token, digest_size=16, person=b"sfm-subject"
        ).hexdigest()
        await self._app(scope, receive, send)


@final
class Authorized:
    """Lets through who may make this call in this namespace."""

    def __init__(self, app: ASGIApp, *, needs: Access) -> None:
        self._app = app
        self._needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        namespace = scope["path_params"].get("ns")
        if namespace is not None:
            checked_namespace(namespace)
        principal: Principal = scope["state"]["principal"]
        principal.require(self._needs, namespace)
        await self._app(scope, receive, send)


@final
class Gate:
    """Counts the calls that are being served, over all routes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.inside = 0

    def enter(self) -> None:
        """Count one more.

        Raises:
            Unavailable: as many as are allowed are inside.
        """
        if self.inside >= self._limit:
            raise Unavailable("too many requests are being served; try again", limit=self._limit)
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1


@final
class Admitted:
    """Refuses a call at once, rather than queueing it, when too many are inside the gate."""

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._gate.enter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._gate.leave()


@final
class Deadlined:
    """Ends a call that is not answered in time; its work is cancelled.

    Once the answer began, each further piece has as long again: a reader that stalls is cut.
    """

    def __init__(self, app: ASGIApp, *, seconds: float, writes: bool = False) -> None:
        self._app = app
        self._seconds = seconds
        self._said = f"not answered within {seconds:g} s"
        if writes:
            self._said += (
                "; what has begun may still be done: ask again, with the same Idempotency-Key"
                " if there was one"
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            limit.deadline = anyio.current_time() + self._seconds
            await send(message)

        with anyio.move_on_after(self._seconds) as limit:
            await self._app(scope, receive, sending)
        if limit.cancelled_caught and not started:
            raise DeadlineExceeded(self._said)


@final
class BodyLimited:
    """Refuses a body that is no JSON, too large (counted as it comes) or too slow."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        check_type(headers, _JSON)
        declared = headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > self._max_bytes:
            raise self._too_large()
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        due = anyio.current_time() + self._seconds
        seen = 0
        complete = False

        async def counted() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()
            with anyio.CancelScope(deadline=due) as limit:
                message = await receive()
                seen += len(message.get("body", b""))
                complete = not message.get("more_body", False)
            if limit.cancelled_caught:
                raise HTTPException(408, f"the body did not arrive within {self._seconds:g} s")
            if seen > self._max_bytes:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._max_bytes} bytes")


def _bearer(headers: Headers) -> bytes:
    given = headers.getlist("authorization")
    if not given:
        raise Unauthenticated("a token is needed: Authorization: Bearer <token>")
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("the token is sent as: Authorization: Bearer <token>")
    return token.strip().encode("latin-1")


def check_type(headers: Headers, wanted: str) -> None:
    """Raises a 415 when the body is not sent as it is, as UTF-8 and as this media type."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "compressed bodies are not read; send it as it is")
    media, _, rest = headers.get("content-type", "").partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != wanted or charset not in _CHARSETS:
        raise HTTPException(415, f"the body is sent as: Content-Type: {wanted}")
