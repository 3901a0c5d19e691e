"""Every call this service answers."""

from typing import Final

from sfm_api import (
    events,
    finds,
    lifecycle,
    links,
    memories,
    namespaces,
    overview,
    pages,
    recalls,
    transfers,
    upkeep,
)
from sfm_api.credentials import Access
from sfm_api.operations import Body, Handler, Operation

_NS: Final = "/v1/{ns}"
_AT: Final = "/v1/{ns}/memories/{coord}"


def _read(name: str, method: str, path: str, handler: Handler, body: Body = Body.NONE) -> Operation:
    return Operation(
        id=name, method=method, path=path, handler=handler, needs=Access.READ, body=body
    )


def _write(
    name: str,
    method: str,
    path: str,
    handler: Handler,
    body: Body = Body.NONE,
    *,
    slow: bool = False,
) -> Operation:
    needs = Access.WRITE
    return Operation(
        id=name, method=method, path=path, handler=handler, needs=needs, body=body, slow=slow
    )


def _admin(
    name: str, method: str, path: str, handler: Handler, body: Body = Body.NONE
) -> Operation:
    return Operation(
        id=name, method=method, path=path, handler=handler, needs=Access.ADMIN, body=body, slow=True
    )


def _stream(name: str, method: str, path: str, handler: Handler, needs: Access) -> Operation:
    body = Body.NONE if method == "GET" else Body.STREAM
    return Operation(
        id=name, method=method, path=path, handler=handler, needs=needs, body=body, stream=True
    )


def _open(name: str, path: str, handler: Handler, *, hidden: bool = False) -> Operation:
    return Operation(id=name, method="GET", path=path, handler=handler, needs=None, hidden=hidden)


OPERATIONS: Final = (
    _write("restoreMemory", "POST", f"{_AT}:restore", lifecycle.restore, Body.ONE),
    _write("storeMemory", "PUT", _AT, memories.store, Body.ONE),
    _read("getMemory", "GET", _AT, memories.get),
    _write("patchMemory", "PATCH", _AT, lifecycle.patch, Body.ONE),
    _write("deleteMemory", "DELETE", _AT, memories.delete),
    _read("memoryHistory", "GET", f"{_AT}/history", lifecycle.history),
    _write("rememberMemory", "POST", f"{_NS}/memories", memories.remember, Body.ONE),
    _read("listMemories", "GET", f"{_NS}/memories", memories.list_page),
    _write("storeMemories", "POST", f"{_NS}/memories:batch", memories.store_many, Body.BATCH),
    _write(
        "deleteMemories",
        "POST",
        f"{_NS}/memories:delete",
        lifecycle.delete_many,
        Body.ONE,
        slow=True,
    ),
    _write("putLink", "PUT", f"{_NS}/links", links.link, Body.ONE),
    _write("deleteLink", "DELETE", f"{_NS}/links", links.unlink),
    _read("findPath", "GET", f"{_NS}/path", links.path),
    _read("listNeighbors", "GET", f"{_AT}/neighbors", links.neighbors),
    _read("recall", "POST", f"{_NS}/recall", recalls.recall, Body.ONE),
    _read("recallBatch", "POST", f"{_NS}/recall:batch", recalls.recall_batch, Body.BATCH),
    _read("rangeMemories", "GET", f"{_NS}/range", finds.inside),
    _read("keywordSearch", "POST", f"{_NS}/keyword-search", finds.keyword_search, Body.ONE),
    _stream("exportNamespace", "GET", f"{_NS}/export", transfers.export, Access.READ),
    _stream("importNamespace", "POST", f"{_NS}/import", transfers.import_, Access.WRITE),
    _read("listNamespaces", "GET", "/v1/namespaces", overview.namespaces),
    _admin("rebuildProjection", "POST", f"{_NS}/rebuild", namespaces.rebuild, Body.ONE),
    _admin("eraseNamespace", "DELETE", _NS, namespaces.erase),
    _read("listEvents", "GET", f"{_NS}/events", events.events),
    _read("namespaceStats", "GET", f"{_NS}/stats", overview.stats),
    _write("runDecay", "POST", f"{_NS}/decay:run", upkeep.run, Body.ONE),
    _admin("runReconcile", "POST", f"{_NS}/reconcile:run", upkeep.reconcile, Body.ONE),
    _open("healthz", "/healthz", overview.healthz),
    _open("readyz", "/readyz", overview.readyz),
    _open("metrics", "/metrics", overview.metrics),
    _open("openapi", "/openapi.json", pages.openapi),
    _open("docs", "/docs", pages.docs),
    _open("docsAsset", "/docs/{file}", pages.asset, hidden=True),
    _open("about", "/", pages.about),
)
