"""What a person sees first: `/`, and `/docs` with everything it loads from here."""

import html
from types import MappingProxyType
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from swagger_ui_bundle import swagger_ui_path

from sfm_api import replies
from sfm_api.state import State

_NAME: Final = "SomaFractalMemory"
_SAYS: Final = "A self-hosted memory store for AI agents: durable, explained, reproducible."
_LINKS: Final = MappingProxyType(
    {
        "docs": "/docs",
        "openapi": "/openapi.json",
        "health": "/healthz",
        "ready": "/readyz",
        "metrics": "/metrics",
    }
)
_ASSETS: Final = MappingProxyType(
    {
        "swagger-ui.css": "text/css",
        "swagger-ui-bundle.js": "text/javascript",
        "favicon-32x32.png": "image/png",
    }
)
_DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing from another host; Swagger UI sets style attributes, hence `unsafe-inline`."""

_DOCS: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>SomaFractalMemory</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "/docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


async def about(request: Request[State]) -> Response:
    version = request.state["services"].version
    accepted = request.headers.get("accept", "")
    if "text/html" in accepted:
        return HTMLResponse(_front(version), headers={"Vary": "Accept"})
    body = {"name": _NAME, "version": version, "description": _SAYS, "links": dict(_LINKS)}
    return replies.json(body, headers={"Vary": "Accept"})


async def openapi(request: Request[State]) -> Response:
    return Response(request.state["services"].openapi, media_type=replies.JSON)


async def docs(request: Request[State]) -> Response:
    del request
    return HTMLResponse(_DOCS, headers={"Content-Security-Policy": _DOCS_POLICY})


async def asset(request: Request[State]) -> Response:
    """A file of the page: ours, or one of the packaged Swagger UI."""
    name: str = request.path_params["file"]
    cached = {"Cache-Control": "public, max-age=86400"}
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=cached)
    if name == "openapi.json":
        return Response(request.state["services"].openapi_3_0, media_type=replies.JSON)
    if name not in _ASSETS:
        raise HTTPException(404, "the documentation has no such file")
    return FileResponse(swagger_ui_path / name, media_type=_ASSETS[name], headers=cached)


def as_bytes(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _front(version: str) -> str:
    links = " · ".join(f'<a href="{path}">{name}</a>' for name, path in _LINKS.items())
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{_NAME}</title>'
        f"<h1>{_NAME} {html.escape(version)}</h1><p>{_SAYS}</p><p>{links}</p></html>"
    )
