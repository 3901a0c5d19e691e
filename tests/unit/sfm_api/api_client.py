"""The app over in-memory twins, and a client that holds every answer to the document."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

import httpx
import jsonschema_rs
from blockbuster import blockbuster_ctx
from starlette.types import ASGIApp, Scope

from sfm_api.app import create_app
from sfm_api.contract import OPERATIONS
from sfm_api.credentials import Credentials
from sfm_api.limits import Limits
from sfm_api.openapi import document
from sfm_core.assembled import Runtime
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.metrics import PrometheusTelemetry
from sfm_core.runtime.secret import Secret
from tests.unit.sfm_api.twin_runtime import twin_runtime

TOKEN = "a-token-for-tests-4711"
SETTINGS = ApiSettings(api_token=Secret(TOKEN))
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
TEA = {"payload": {"said": "Ada drinks green tea"}}


@asynccontextmanager
async def running(
    settings: ApiSettings = SETTINGS,
    *,
    runtime: Runtime | None = None,
    limits: Limits | None = None,
    credentials: Credentials | None = None,
    telemetry: PrometheusTelemetry | None = None,
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with the admin token; without `runtime`, over fresh twins. Blocking calls fail.

    A context manager, not a fixture: the runtime holds a task group, and pytest-asyncio sets a
    fixture up in one task and tears it down in another.
    """
    if runtime is None:
        async with (
            twin_runtime() as fresh,
            running(
                settings,
                runtime=fresh,
                limits=limits,
                credentials=credentials,
                telemetry=telemetry,
            ) as client,
        ):
            yield client
        return
    app = create_app(runtime, settings, limits=limits, credentials=credentials, telemetry=telemetry)
    async with client_of(app) as client:
        with blockbuster_ctx("sfm_api"):
            yield client


@asynccontextmanager
async def client_of(app: ASGIApp) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://sfm.test",
        headers=AUTHORIZED,
        event_hooks={"response": [conforms]},
    ) as client:
        yield client


def scope_of(method: str, path: str, headers: Mapping[str, str]) -> Scope:
    """An ASGI scope, for what no client would send."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": None,
    }


@cache
def openapi() -> dict[str, Any]:
    return document.build(OPERATIONS, version=version("sfm-api"))


async def conforms(answer: httpx.Response) -> None:
    """Fail unless the document allows this answer to this call."""
    assert "x-request-id" in answer.headers
    await answer.aread()
    if answer.status_code >= 400:
        holds(answer, {"$ref": "#/components/schemas/Problem"}, unless="Readiness")
    operation = _documented(answer.request)
    if operation is None:
        assert answer.status_code in (204, 404, 405, 401) or answer.request.url.path.startswith(
            "/docs/"
        )
        return
    said = operation["responses"].get(str(answer.status_code))
    assert said is not None, f"{answer.request.method} {answer.request.url} answers {answer}"
    for name, header in said.get("headers", {}).items():
        assert not header.get("required") or name in answer.headers
    if answer.request.method == "HEAD":
        return
    if "content" not in said:
        assert answer.content == b""
        return
    media = answer.headers["content-type"].partition(";")[0]
    schema = said["content"][media]["schema"]
    if media.endswith("json"):
        holds(answer, schema)


def holds(answer: httpx.Response, schema: Mapping[str, Any], *, unless: str = "") -> None:
    """Fail unless the body is valid under `schema`; what `unless` describes is let pass."""
    if unless and _validator_of(f"#/components/schemas/{unless}").is_valid(_json(answer)):
        return
    reference = schema.get("$ref")
    if reference is None:
        return
    errors = [error.message for error in _validator_of(reference).iter_errors(_json(answer))]
    assert not errors, (answer.request.url, answer.text[:400], errors)


def _json(answer: httpx.Response) -> object:
    return None if answer.request.method == "HEAD" else answer.json()


@cache
def _validator_of(reference: str) -> jsonschema_rs.Draft202012Validator:
    whole = {"components": openapi()["components"], "$ref": reference}
    return jsonschema_rs.Draft202012Validator(whole)


def _documented(request: httpx.Request) -> dict[str, Any] | None:
    path = request.url.path
    method = "get" if request.method == "HEAD" else request.method.lower()
    for template, methods in openapi()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):  # the document has the order in which paths are tried
            found: dict[str, Any] | None = methods.get(method)
            return found
    return None
