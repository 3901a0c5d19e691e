"""What the service can do: one row per call, and how a row becomes a route.

Routing, access, limits and the OpenAPI document all rest on these rows, so a call cannot be
served without a rule for each, nor be left out of the document.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from sfm_api.credentials import Access, Credentials
from sfm_api.guards import Admitted, Authenticated, Authorized, BodyLimited, Deadlined, Gate
from sfm_api.limits import Limits
from sfm_api.ratelimit import RateLimited
from sfm_api.state import State
from sfm_api.streams import KeptAlive, StreamLimited
from sfm_api.watched import Watched
from sfm_core.ports import RateLimiter

type Handler = Callable[[Request[State]], Awaitable[Response]]


class Body(StrEnum):
    """What a call reads."""

    NONE = "none"
    ONE = "one"
    BATCH = "batch"
    STREAM = "stream"
    """NDJSON of any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    """`operationId` of the OpenAPI document."""
    method: str
    path: str
    handler: Handler
    needs: Access | None
    """None: open to everybody."""
    body: Body = Body.NONE
    stream: bool = False
    """It may take as long as something moves."""
    slow: bool = False
    """It has the time of a batch, whatever it reads."""
    hidden: bool = False
    """Served, but no part of the contract."""


def routes(
    operations: Iterable[Operation],
    *,
    credentials: Credentials,
    limits: Limits,
    limiter: RateLimiter | None = None,
) -> list[Route]:
    """One route per path, each answering every method; without a limiter nobody is limited."""
    guards = _Guards(credentials, limits, limiter, Gate(limits.in_flight), Gate(limits.streams))
    paths: dict[str, dict[str, ASGIApp]] = {}
    for operation in operations:
        guarded = guards.around(operation)
        paths.setdefault(operation.path, {})[operation.method] = guarded
    return [_exact(Route(path, endpoint=Resource(methods))) for path, methods in paths.items()]


def _exact(route: Route) -> Route:
    """The route without `$` in its pattern, which would let a path end in a newline too."""
    route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    return route


@final
class Resource:
    """The methods of one path: HEAD as GET, OPTIONS told, others refused with `Allow`."""

    def __init__(self, methods: Mapping[str, ASGIApp]) -> None:
        self.methods: Final = methods
        extra = {"HEAD", "OPTIONS"} if "GET" in methods else {"OPTIONS"}
        self._allow = ", ".join(sorted({*methods, *extra}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        app = self.methods.get("GET" if method == "HEAD" else method)
        if app is not None:
            await app(scope, receive, send)
        elif method == "OPTIONS":
            await Response(status_code=204, headers={"Allow": self._allow})(scope, receive, send)
        else:
            raise HTTPException(
                405, f"this path answers {self._allow}", headers={"Allow": self._allow}
            )


@dataclass(frozen=True, slots=True)
class _Guards:
    """What stands before every handler; see `guards` for the order."""

    credentials: Credentials
    limits: Limits
    limiter: RateLimiter | None
    gate: Gate
    streams: Gate
    """Streams have places of their own: they keep them long."""

    def around(self, operation: Operation) -> ASGIApp:
        app = request_response(operation.handler)  # type: ignore[arg-type]  # its hint knows no State
        if operation.needs is None:
            return app
        limits = self.limits
        if operation.stream:
            app = KeptAlive(self._read(app, operation.body), seconds=limits.stream_s)
            app = Admitted(app, gate=self.streams)
        else:
            batch = operation.slow or operation.body is Body.BATCH
            app = self._read(app, operation.body)
            app = Watched(app, reads_body=operation.body is not Body.NONE)
            seconds = limits.batch_s if batch else limits.request_s
            app = Deadlined(app, seconds=seconds, writes=operation.needs is not Access.READ)
            app = Admitted(app, gate=self.gate)
        app = Authorized(app, needs=operation.needs)
        if self.limiter is not None:
            app = RateLimited(app, limiter=self.limiter)
        return Authenticated(app, credentials=self.credentials)

    def _read(self, app: ASGIApp, body: Body) -> ASGIApp:
        limits = self.limits
        match body:
            case Body.NONE:
                return app
            case Body.STREAM:
                return StreamLimited(app, seconds=limits.body_s)
            case _:
                batch = body is Body.BATCH
                max_bytes = limits.batch_body_bytes if batch else limits.body_bytes
                return BodyLimited(app, max_bytes=max_bytes, seconds=limits.body_s)
