"""Qdrant's REST API, as far as SFM calls it, over Qdrant's own engine.

The documented wire format, checked strictly: what the server would refuse is refused, what is
not implemented here too. Calls run one after the other; each is done when it is answered.
"""

import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.servers.qdrant_engine import points
from tests.servers.qdrant_engine.collections import (
    Collection,
    Collections,
    Exists,
    Missing,
    Unprocessable,
)
from tests.servers.qdrant_engine.conditions import Json, Refused, only

type Handler = Callable[[Request], Awaitable[Response]]

VERSION: Final = "1.17.0"
_OPEN: Final = frozenset({"/", "/healthz", "/livez", "/readyz"})
_STATUS: Final = {Refused: 400, Missing: 404, Exists: 409, Unprocessable: 422}
_POINTS: Final[dict[tuple[str, str], Callable[[Collection, Json], Json]]] = {
    ("PUT", "/points"): points.upsert,
    ("POST", "/points"): points.retrieve,
    ("POST", "/points/batch"): points.batch,
    ("POST", "/points/delete"): points.delete,
    ("POST", "/points/payload"): points.set_payload,
    ("POST", "/points/scroll"): points.scroll,
    ("POST", "/points/count"): points.count,
    ("POST", "/points/query"): points.query,
}


def create_app(folder: Path, api_key: str | None) -> ASGIApp:
    """The API over the collections in a folder; with a key, each call has to name it."""
    collections = Collections(folder)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        yield
        collections.close()

    app = Starlette(
        routes=[*_service(), *_collection_calls(collections), *_point_calls(collections)],
        exception_handlers={HTTPException: _unknown},
        lifespan=lifespan,
    )
    return app if api_key is None else _Guarded(app, api_key)


class _Guarded:
    """Refuses calls without the key, with the server's words."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._api_key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            headers = dict(scope["headers"])
            bearer = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            given = headers.get(b"api-key") or bearer
            if not given:
                said = "Must provide an API key or an Authorization bearer token"
                await PlainTextResponse(said, 401)(scope, receive, send)
                return
            if not hmac.compare_digest(given, self._api_key):
                await PlainTextResponse("Invalid API key or JWT", 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _service() -> list[Route]:
    async def about(_: Request) -> Response:
        return _json({"title": "qdrant - vector search engine", "version": VERSION})

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("healthz check passed")

    async def ready(_: Request) -> Response:
        return PlainTextResponse("all shards are ready")

    return [
        Route("/", about),
        Route("/healthz", healthy),
        Route("/livez", healthy),
        Route("/readyz", ready),
    ]


def _collection_calls(collections: Collections) -> list[Route]:
    def listed(_name: str, _body: Json) -> Json:
        return {"collections": [{"name": name} for name in collections.names()]}

    def told(name: str, _body: Json) -> Json:
        return collections.get(name).info()

    def exists(name: str, _body: Json) -> Json:
        return {"exists": collections.exists(name)}

    def create(name: str, body: Json) -> Json:
        collections.create(name, body)
        return True

    def delete(name: str, _body: Json) -> Json:
        return collections.delete(name)

    def index(name: str, body: Json) -> Json:
        said = only(body, "field_name", "field_schema")
        collections.get(name).create_index(said["field_name"], said["field_schema"])
        return {"operation_id": 0, "status": "completed"}

    at = "/collections/{name}"
    return [
        Route("/collections", _answering(listed), methods=["GET"]),
        Route(at, _answering(told), methods=["GET"]),
        Route(at, _answering(create), methods=["PUT"]),
        Route(at, _answering(delete), methods=["DELETE"]),
        Route(f"{at}/exists", _answering(exists), methods=["GET"]),
        Route(f"{at}/index", _answering(index), methods=["PUT"]),
    ]


def _point_calls(collections: Collections) -> list[Route]:
    def over(call: Callable[[Collection, Json], Json]) -> Handler:
        return _answering(lambda name, body: call(collections.get(name), body))

    return [
        Route(f"/collections/{{name}}{path}", over(call), methods=[method])
        for (method, path), call in _POINTS.items()
    ]


def _answering(call: Callable[[str, Json], Json]) -> Handler:
    async def handle(request: Request) -> Response:
        started = perf_counter()
        try:
            raw = await request.body()
            body = _without_nulls(orjson.loads(raw)) if raw else {}
            result = call(request.path_params.get("name", ""), body)
        except tuple(_STATUS) as error:
            return _failed(str(error), _STATUS[type(error)], started)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            return _failed(f"Format error in JSON body: {error}", 400, started)
        except Exception as error:  # noqa: BLE001 - the engine raises nothing more exact
            return _failed(f"Wrong input: {error}", _status_of(error), started)
        return _json({"result": result, "status": "ok", "time": perf_counter() - started})

    return handle


def _without_nulls(body: Json) -> Json:
    """A top-level null is the same as a field that is not there."""
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if value is not None}


def _status_of(error: Exception) -> int:
    return 400 if "dimension" in str(error) or "Wrong" in str(error) else 500


async def _unknown(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Response(status_code=error.status_code)


def _failed(said: str, status: int, started: float) -> Response:
    return _json({"status": {"error": said}, "time": perf_counter() - started}, status)


def _json(document: Json, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
