"""Every failure as `application/problem+json` (RFC 9457)."""

import logging
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sfm_api import replies
from sfm_core import encode
from sfm_core.errors import (
    DeadlineExceeded,
    ErrorKind,
    RateLimited,
    SfmError,
    Unauthenticated,
    Unavailable,
    VectorIndexUnavailable,
)
from sfm_core.runtime.metric_names import OTHER
from sfm_core.runtime.wire import PROBLEM_TYPE, status_of
from sfm_core.timing import CRASH

log = logging.getLogger(__name__)

CLIENT_CLOSED: Final = 499
"""Status of the access line when the client left before the answer; never sent."""

_HTTP_ONLY: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        400: ("malformed", "Bad request"),
        404: ("not-found", "Not found"),
        405: ("method-not-allowed", "Method not allowed"),
        408: ("request-timeout", "Request timeout"),
        415: ("unsupported-media-type", "Unsupported media type"),
    }
)
"""Failures of HTTP itself, which the core does not know: type suffix and title."""


def of_error(error: Exception, state: dict[str, Any]) -> Response:
    """The answer to any exception; what is not an `SfmError` is a bug and answers 500.

    Notes the outcome for the metrics in `state`, the request's.
    """
    if isinstance(error, SfmError) and status_of(error).http >= 500:
        log.error("request.failed", extra={"kind": str(error.kind), "detail": error.detail})
    state["outcome"] = error.kind.value if isinstance(error, SfmError) else CRASH
    body = encode.problem(error, state["request_id"])
    return _response(body, status_of(error).http, _headers(error))


def of_http(error: HTTPException, state: dict[str, Any]) -> Response:
    """The answer to a failure of routing or of the protocol."""
    slug, title = _HTTP_ONLY.get(error.status_code, ("invalid", "Invalid request"))
    state["outcome"] = (
        ErrorKind.NOT_FOUND if error.status_code == 404 else ErrorKind.INVALID
    ).value
    body = {
        "type": f"urn:sfm:error:{slug}",
        "title": title,
        "status": error.status_code,
        "detail": error.detail,
        "request_id": state["request_id"],
    }
    return _response(body, error.status_code, error.headers or {})


def on_sfm_error(request: Request[Any], error: Exception) -> Response:
    """Starlette's handler for `SfmError`."""
    return of_error(error, request.scope["state"])


def on_http_exception(request: Request[Any], error: Exception) -> Response:
    """Starlette's handler for `HTTPException`."""
    if not isinstance(error, HTTPException):
        raise error
    return of_http(error, request.scope["state"])


def on_disconnect(request: Request[Any], error: Exception) -> Response:
    """Starlette's handler for a client that left while sending; nobody reads the answer."""
    del error
    request.scope["state"]["outcome"] = OTHER
    return Response(status_code=CLIENT_CLOSED)


def _headers(error: Exception) -> dict[str, str]:
    match error:
        case Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="sfm"'}
        case DeadlineExceeded():
            return {}
        case VectorIndexUnavailable():
            replayed = getattr(error.outcome, "replayed", False)
            said = replies.written(int(error.context["position"]), replayed=replayed)
            return {"Retry-After": _seconds(error.retry_after_s), **said}
        case Unavailable():
            return {"Retry-After": _seconds(error.retry_after_s)}
        case RateLimited():
            return {"Retry-After": _seconds(float(error.context.get("retry_after_s", 1.0)))}
        case _:
            return {}


def _seconds(wait_s: float) -> str:
    return str(max(1, math.ceil(wait_s)))


def _response(body: Mapping[str, object], status: int, headers: Mapping[str, str]) -> Response:
    return Response(
        orjson.dumps(body), status_code=status, headers=dict(headers), media_type=PROBLEM_TYPE
    )
