"""The outermost layer: request id, access line, metrics, security headers, last resort."""

import logging
import re
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final, final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfm_api import problems
from sfm_api.services import Services
from sfm_core.errors import SfmError
from sfm_core.runtime.logging import in_request
from sfm_core.timing import OK

log = logging.getLogger(__name__)

UNMATCHED: Final = "unmatched"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SECURITY: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Set on every answer that does not say otherwise."""


@final
class Envelope:
    """Gives each request its id, and sees each answer out.

    Whatever is raised by an inner layer becomes a problem document here at the latest; what
    nobody raised on purpose is logged as `request.crashed` and answered with 500.
    """

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {}).update(services=self._services, request_id=request_id)
        answer = _Answer(send, scope["state"], scope["http_version"])
        started = perf_counter()
        with (
            self._services.tracing.request(scope["method"], headers) as span,
            in_request(request_id, span.trace_id),
        ):
            try:
                await self._run(scope, receive, answer)
            finally:
                span.answered(_route(scope), answer.status)
                self._note(scope, answer.status, perf_counter() - started)

    async def _run(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:  # the last resort: every request gets an answer
            if not isinstance(error, SfmError):
                log.exception(
                    "request.crashed", extra={"method": scope["method"], "route": _route(scope)}
                )
            if not answer.status:
                await problems.of_error(error, scope["state"])(scope, receive, answer.send)

    def _note(self, scope: Scope, status: int, took_s: float) -> None:
        route = _route(scope)
        telemetry = self._services.telemetry
        telemetry.observe("http_request_duration_seconds", took_s, route=route)
        telemetry.count(
            "http_requests_total",
            method=scope["method"],
            route=route,
            outcome=scope["state"].get("outcome", OK),
        )
        log.log(
            logging.ERROR if status >= 500 else logging.INFO,
            "request.answered",
            extra={
                "method": scope["method"],
                "route": route,
                "status": status,
                "took_ms": round(took_s * 1000, 2),
            },
        )


@final
class _Answer:
    """A `send` that adds the headers of every answer and remembers the status."""

    def __init__(self, send: Send, state: Mapping[str, Any], http_version: str) -> None:
        self._send = send
        self._state = state
        self._http1 = http_version.startswith("1")
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._state["request_id"]
            headers.update(self._state.get("answer_headers", {}))
            for name, value in _SECURITY.items():
                headers.setdefault(name, value)
            if self._http1 and self.status in (408, 413):
                headers["Connection"] = "close"
        await self._send(message)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid4().hex


def _route(scope: Scope) -> str:
    """The template of the path: bounded, without namespace or coordinate."""
    return getattr(scope.get("route"), "path", UNMATCHED)
