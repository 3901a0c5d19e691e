"""The ways in: REST, the command line, Python. Each does an `Op` and says what came of it."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, override

import anyio
import anyio.from_thread
import anyio.to_thread
import httpx
from click.testing import CliRunner

from sfm_cli.group import soma
from sfm_cli.rest import RestClient
from sfm_cli.session import Session
from sfm_core import decode, encode, jsontext
from sfm_core.assembled import Runtime
from sfm_core.coordinates import Coordinate
from sfm_core.errors import SfmError
from sfm_core.model import Page, Precondition
from sfm_core.runtime.wire import problem
from sfm_core.system import MemorySystem
from tests.differential.outcomes import Op, Outcome, refused, succeeded

type Call = tuple[str, str, dict[str, str], Mapping[str, Any] | None, dict[str, str]]
"""Method, path below the namespace, query parameters, body, headers."""

KEYED = ("from", "to", "type")
LISTED = ("kind", "tag", "filter", "limit")


class Door(Protocol):
    async def do(self, op: Op) -> Outcome: ...


# -- REST --------------------------------------------------------------------------------------


class RestDoor:
    """Over the application, without a socket."""

    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        self._http = http
        self._root = f"/v1/{namespace}"

    async def do(self, op: Op) -> Outcome:
        if op.name in STREAMS:
            return await self._streamed(op)
        method, path, params, body, headers = REST[op.name](op)
        answer = await self._http.request(
            method,
            self._root + path,
            params=params,
            content=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
        )
        if answer.is_success:
            return succeeded(answer.json() if answer.content else {})
        assert answer.status_code < 500, answer.text
        return refused(answer.json())

    async def _streamed(self, op: Op) -> Outcome:
        method, path, params = STREAMS[op.name](op)
        answer = await self._http.request(
            method,
            self._root + path,
            params=params,
            content=_lines(op) if method == "POST" else None,
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert answer.is_success, answer.text
        return of_lines(answer.content)


STREAMS: dict[str, Callable[[Op], tuple[str, str, dict[str, str]]]] = {
    "export": lambda op: ("GET", "/export", {"history": str(op["history"]).lower()}),
    "import": lambda op: ("POST", "/import", {"mode": op["mode"]}),
}


def _lines(op: Op) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in op["lines"])


def of_lines(text: bytes) -> Outcome:
    """The documents of a stream; digests rest on ids and times, which differ."""
    documents = [json.loads(line) for line in text.splitlines()]
    return succeeded(
        {"lines": [{k: v for k, v in one.items() if k != "digest"} for one in documents]}
    )


def _headers(op: Op) -> dict[str, str]:
    found = {}
    if op["key"]:
        found["Idempotency-Key"] = op["key"]
    if op["if_version"]:
        found["If-Match"] = f'"{op["if_version"]}"'
    return found


def _params(op: Op, *names: str) -> dict[str, str]:
    found = {name: op[name] for name in names if op[name] is not None}
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}


REST: dict[str, Callable[[Op], Call]] = {
    "store": lambda op: ("PUT", f"/memories/{op['at']}", {}, op["memory"], _headers(op)),
    "remember": lambda op: ("POST", "/memories", {}, op["memory"], _headers(op)),
    "get": lambda op: ("GET", f"/memories/{op['at']}", {}, None, {}),
    "delete": lambda op: ("DELETE", f"/memories/{op['at']}", {}, None, _headers(op)),
    "list": lambda op: (
        "GET",
        "/memories",
        _params(op, "kind", "tag", "filter", "limit"),
        None,
        {},
    ),
    "recall": lambda op: ("POST", "/recall", {}, op["query"], {}),
    "patch": lambda op: ("PATCH", f"/memories/{op['at']}", {}, op["changes"], _headers(op)),
    "history": lambda op: ("GET", f"/memories/{op['at']}/history", _params(op, "limit"), None, {}),
    "restore": lambda op: (
        *("POST", f"/memories/{op['at']}:restore", {}),
        *({"version": op["version"]}, _headers(op)),
    ),
    "delete_many": lambda op: ("POST", "/memories:delete", {}, _selection(op), _headers(op)),
    "link": lambda op: ("PUT", "/links", {}, _link(op), _headers(op)),
    "unlink": lambda op: (
        "DELETE",
        "/links",
        _params(op, "from", "to", "type"),
        None,
        _headers(op),
    ),
    "neighbors": lambda op: (
        *("GET", f"/memories/{op['at']}/neighbors"),
        *(_params(op, "type", "direction", "limit"), None, {}),
    ),
    "path": lambda op: ("GET", "/path", _params(op, *KEYED), None, {}),
    "range": lambda op: ("GET", "/range", {"min": op["low"], "max": op["high"]}, None, {}),
    "keyword_search": lambda op: ("POST", "/keyword-search", {}, op["asked"], {}),
    "events": lambda _: ("GET", "/events", {"limit": "1000"}, None, {}),
    "decay": lambda op: ("POST", "/decay:run", {}, {"dry_run": op["dry_run"]}, {}),
    "batch": lambda op: ("POST", "/memories:batch", {}, {"items": op["items"]}, _headers(op)),
    "erase": lambda _: ("DELETE", "", {}, None, {}),
    "reconcile": lambda op: (
        *("POST", "/reconcile:run", {}),
        *({"dry_run": op["dry_run"], "jobs": op["jobs"]}, {}),
    ),
    "rebuild": lambda op: ("POST", "/rebuild", {}, {"projection": op["projection"]}, {}),
}


def _numbers(at: str) -> list[int | float]:
    return Coordinate.parse(at).numbers()


def _link(op: Op) -> dict[str, Any]:
    said = {"from": _numbers(op["from"]), "to": _numbers(op["to"])}
    return said | {name: op[name] for name in ("type", "weight") if op[name] is not None}


def _selection(op: Op) -> dict[str, Any]:
    if op["places"] is not None:
        return {"coordinates": [_numbers(at) for at in op["places"]]}
    return {"filter": op["filter"]}


# -- the command line --------------------------------------------------------------------------


class CliDoor:
    """`soma … --json`, run on a thread; its client reaches the application of this loop."""

    def __init__(
        self,
        transport: httpx.ASGITransport,
        token: str,
        namespace: str,
        rest: RestDoor | None = None,
    ) -> None:
        self._rest = rest
        """For the calls that no command makes alone, so that all doors' histories stay alike."""
        self._transport = _Bridge(transport)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._namespace = namespace

    async def do(self, op: Op) -> Outcome:
        if op.name not in CLI and self._rest is not None:
            return await self._rest.do(op)
        arguments = [*CLI[op.name](op), "--json"]
        stream = op.name in STREAMS
        sent = _lines(op) if op.name == "import" else None
        return await anyio.to_thread.run_sync(self._run, arguments, stream, sent)

    def _run(self, arguments: list[str], stream: bool, sent: bytes | None) -> Outcome:
        session = Session(env={}, connect=self._connect)
        result = CliRunner().invoke(soma, arguments, obj=session, input=sent)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if stream and result.stdout:
            return of_lines(result.stdout_bytes)
        if result.exit_code == 0:
            return succeeded(json.loads(result.stdout) if result.stdout else {})
        assert result.stderr.startswith("{"), (arguments, result.stderr)
        return refused(json.loads(result.stderr))

    @asynccontextmanager
    async def _connect(self, target: object, writes: bool) -> AsyncGenerator[RestClient]:
        del target, writes
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://sfm", headers=self._headers
        ) as http:
            yield RestClient(http, self._namespace)


class _Bridge(httpx.AsyncBaseTransport):
    """Requests of a loop on a worker thread, answered on the loop that started the thread."""

    def __init__(self, inner: httpx.ASGITransport) -> None:
        self._inner = inner

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()

        async def answered() -> tuple[int, httpx.Headers, bytes]:
            answer = await self._inner.handle_async_request(request)
            return answer.status_code, answer.headers, await answer.aread()

        status, headers, body = anyio.from_thread.run(answered)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _memory_options(op: Op) -> list[str]:
    memory = dict(op["memory"])
    found = [json.dumps(memory.pop("payload"))] if "payload" in memory else []
    if memory.pop("pinned", False):
        found.append("--pinned")
    for tag in memory.pop("tags", ()):
        found += ["--tag", tag]
    for name, value in memory.items():
        found += [f"--{name.replace('_', '-')}", str(value)]
    return found + _options(op)


def _options(op: Op) -> list[str]:
    found: list[str] = []
    if op["key"]:
        found += ["--idempotency-key", op["key"]]
    if op["if_version"]:
        found += ["--if-version", str(op["if_version"])]
    return found


def _asked(op: Op, *names: str) -> list[str]:
    said = _params(op, *names)
    return [word for name, value in said.items() for word in (f"--{name}", value)]


def _recall_options(op: Op) -> list[str]:
    asked = dict(op["query"])
    found = [asked.pop("query")]
    if asked.pop("explain", False):
        found.append("--explain")
    for part in asked.pop("include", ()):
        found += ["--include", part]
    for text in asked.pop("context", ()):
        found += ["--context", text]
    for name, value in asked.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        found += [f"--{name.replace('_', '-')}", shown]
    return found


CLI: dict[str, Callable[[Op], list[str]]] = {
    "store": lambda op: ["store", op["at"], *_memory_options(op)],
    "remember": lambda op: ["remember", *_memory_options(op)],
    "get": lambda op: ["get", op["at"]],
    "delete": lambda op: ["delete", op["at"], *_options(op)],
    "list": lambda op: ["list", *_asked(op, *LISTED)],
    "recall": lambda op: ["recall", *_recall_options(op)],
    "patch": lambda op: ["patch", op["at"], *_patch_options(op)],
    "history": lambda op: ["history", op["at"], *_asked(op, "limit")],
    "restore": lambda op: ["restore", op["at"], str(op["version"]), *_options(op)],
    "delete_many": lambda op: [
        "delete-many",
        *(op["places"] or ()),
        *_asked(op, "filter"),
        *_options(op),
    ],
    "link": lambda op: ["link", op["from"], op["to"], *_asked(op, "type", "weight"), *_options(op)],
    "unlink": lambda op: ["unlink", op["from"], op["to"], *_asked(op, "type"), *_options(op)],
    "neighbors": lambda op: ["neighbors", op["at"], *_asked(op, "type", "direction", "limit")],
    "path": lambda op: ["path", op["from"], op["to"], *_asked(op, "type")],
    "range": lambda op: ["range", op["low"], op["high"]],
    "keyword_search": lambda op: ["keyword-search", *_keyword_options(op)],
    "events": lambda _: ["events", "--limit", "1000"],
    "decay": lambda op: ["decay", *(["--dry-run"] if op["dry_run"] else [])],
    "erase": lambda _: ["erase", "--yes"],
    "reconcile": lambda op: [
        "reconcile",
        *(["--dry-run"] if op["dry_run"] else []),
        *(word for job in op["jobs"] for word in ("--job", job)),
    ],
    "rebuild": lambda op: ["rebuild", op["projection"]],
    "export": lambda op: ["export", "-", *(["--history"] if op["history"] else [])],
    "import": lambda op: ["import", "-", "--mode", op["mode"]],
}


def _patch_options(op: Op) -> list[str]:
    changes = dict(op["changes"])
    found = [json.dumps(changes.pop("payload"))] if "payload" in changes else []
    if "pinned" in changes:
        found.append("--pinned" if changes.pop("pinned") else "--not-pinned")
    if "tags" in changes:
        tags = changes.pop("tags")
        found += [word for tag in tags for word in ("--tag", tag)] or ["--no-tags"]
    if "expires_at" in changes and changes["expires_at"] is None:
        del changes["expires_at"]
        found.append("--never-expires")
    for name, value in changes.items():
        found += [f"--{name.replace('_', '-')}", str(value)]
    return found + _options(op)


def _keyword_options(op: Op) -> list[str]:
    asked = dict(op["asked"])
    found = [asked.pop("term")]
    found += ["--exact"] if asked.pop("exact", False) else []
    found += ["--case-sensitive"] if asked.pop("case_sensitive", False) else []
    for name, value in asked.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        found += [f"--{name.replace('_', '-')}", shown]
    return found


# -- Python ------------------------------------------------------------------------------------


class PythonDoor:
    """The facade, over the same runtime."""

    def __init__(self, runtime: Runtime, namespace: str) -> None:
        self._runtime = runtime
        self._namespace = namespace

    async def do(self, op: Op) -> Outcome:
        async with MemorySystem(self._namespace, _lent(self._runtime)) as memory:
            try:
                document = await PYTHON[op.name](memory, op)
            except SfmError as error:
                return refused(problem(error, ""))
        return succeeded(jsontext.loads(jsontext.dumps(document)))


@asynccontextmanager
async def _lent(runtime: Runtime) -> AsyncGenerator[Runtime]:
    yield runtime


def _write(op: Op) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if op["key"]:
        found["idempotency_key"] = op["key"]
    if op["if_version"]:
        found["precondition"] = Precondition(version=op["if_version"])
    return found


async def _store(memory: MemorySystem, op: Op) -> object:
    said = dict(op["memory"])
    payload = said.pop("payload")
    return encode.stored(await memory.store(op["at"], payload, **_write(op), **said))


async def _remember(memory: MemorySystem, op: Op) -> object:
    said = dict(op["memory"])
    payload = said.pop("payload")
    return encode.stored(await memory.remember(payload, **_write(op), **said))


async def _get(memory: MemorySystem, op: Op) -> object:
    found = await memory.get(op["at"])
    [norm] = await memory.runtime.recall.norms(memory.namespace, [found.draft.importance])
    return encode.memory(found, importance_norm=norm)


async def _delete(memory: MemorySystem, op: Op) -> object:
    await memory.delete(op["at"], **_write(op))
    return {}


async def _list(memory: MemorySystem, op: Op) -> object:
    return await _page(memory, await memory.list(**_params(op, *LISTED)))


async def _page(memory: MemorySystem, page: Page) -> object:
    importances = [one.draft.importance for one in page.memories]
    return encode.page(page, await memory.runtime.recall.norms(memory.namespace, importances))


async def _recall(memory: MemorySystem, op: Op) -> object:
    asked = dict(op["query"])
    query = decode.recall_query(json.loads(json.dumps(asked)))
    return encode.recall_result(await memory.recall(asked.pop("query"), **asked), query)


async def _patch(memory: MemorySystem, op: Op) -> object:
    return encode.stored(await memory.patch(op["at"], **_write(op), **op["changes"]))


async def _history(memory: MemorySystem, op: Op) -> object:
    return encode.history(await memory.history(op["at"], limit=op["limit"]))


async def _restore(memory: MemorySystem, op: Op) -> object:
    return encode.stored(await memory.restore(op["at"], op["version"], **_write(op)))


async def _delete_many(memory: MemorySystem, op: Op) -> object:
    return encode.deleted_many(
        await memory.delete_many(op["places"], filter=op["filter"], **_write(op))
    )


async def _linked(memory: MemorySystem, op: Op) -> object:
    said = {name: op[name] for name in ("type", "weight") if op[name] is not None}
    return encode.link((await memory.link(op["from"], op["to"], **_write(op), **said)).link)


async def _unlinked(memory: MemorySystem, op: Op) -> object:
    said = {} if op["type"] is None else {"type": op["type"]}
    await memory.unlink(op["from"], op["to"], **_write(op), **said)
    return {}


async def _neighbors(memory: MemorySystem, op: Op) -> object:
    return encode.neighbors(
        await memory.neighbors(op["at"], **_params(op, "type", "direction", "limit"))
    )


async def _path(memory: MemorySystem, op: Op) -> object:
    return encode.path(await memory.path(op["from"], op["to"], **_params(op, "type")))


async def _range(memory: MemorySystem, op: Op) -> object:
    return await _page(memory, await memory.range(op["low"], op["high"]))


async def _keyword_search(memory: MemorySystem, op: Op) -> object:
    asked = dict(op["asked"])
    return encode.keyword_hits(await memory.keyword_search(asked.pop("term"), **asked))


async def _events(memory: MemorySystem, op: Op) -> object:
    del op
    return encode.event_page(await memory.events(limit=1000))


async def _decay(memory: MemorySystem, op: Op) -> object:
    return encode.upkeep_report(await memory.decay(dry_run=op["dry_run"]))


async def _reconcile(memory: MemorySystem, op: Op) -> object:
    done = await memory.reconcile(jobs=op["jobs"], dry_run=op["dry_run"])
    return encode.reconcile_report(done)


async def _batch(memory: MemorySystem, op: Op) -> object:
    return encode.batch_stored(await memory.store_many(op["items"], **_write(op)))


async def _erase(memory: MemorySystem, op: Op) -> object:
    del op
    return encode.erasure(await memory.erase())


async def _rebuild(memory: MemorySystem, op: Op) -> object:
    return encode.rebuilt(await memory.rebuild(op["projection"]))


async def _export(memory: MemorySystem, op: Op) -> object:
    pieces = [piece async for piece in memory.export(history=op["history"])]
    return of_lines(b"".join(pieces)).document


async def _import(memory: MemorySystem, op: Op) -> object:
    told = memory.import_lines([_lines(op)], mode=op["mode"])
    return of_lines(b"".join([jsontext.dumps(one) + b"\n" async for one in told])).document


PYTHON: dict[str, Callable[[MemorySystem, Op], Awaitable[object]]] = {
    "store": _store,
    "remember": _remember,
    "get": _get,
    "delete": _delete,
    "list": _list,
    "recall": _recall,
    "patch": _patch,
    "history": _history,
    "restore": _restore,
    "delete_many": _delete_many,
    "link": _linked,
    "unlink": _unlinked,
    "neighbors": _neighbors,
    "path": _path,
    "range": _range,
    "keyword_search": _keyword_search,
    "events": _events,
    "decay": _decay,
    "reconcile": _reconcile,
    "batch": _batch,
    "erase": _erase,
    "rebuild": _rebuild,
    "export": _export,
    "import": _import,
}
