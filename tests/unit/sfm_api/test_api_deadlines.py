"""Every call over a store that does not answer: 504 in time, and nothing of it stays behind."""

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import ASGIApp, Message

from sfm_api.app import create_app
from sfm_api.contract import OPERATIONS
from sfm_api.limits import Limits
from sfm_api.openapi.calls import CALLS
from sfm_api.operations import Body, Operation
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, running, scope_of
from tests.unit.sfm_api.twin_runtime import twin_runtime

STORES = (
    "",
    "_archive",
    "_digests",
    "_erase",
    "_events",
    "_feed",
    "_finder",
    "_ledger",
    "_links",
    "_upkeep",
)
ASKED = {
    "findPath": {"from": "1", "to": "2"},
    "deleteLink": {"from": "1", "to": "2"},
    "rangeMemories": {"min": "0", "max": "9"},
}
SOON = Limits(request_s=0.2, batch_s=0.2, stream_s=0.2, in_flight=1, streams=1)
BOUND = [one for one in OPERATIONS if one.needs is not None and one.body is not Body.STREAM]


class Store:
    """What stands for a store that is stuck, until it is let."""

    def __init__(self) -> None:
        self.let = anyio.Event()
        self.stuck = False

    def spoil(self, patch: pytest.MonkeyPatch) -> None:
        for part in STORES:
            module = importlib.import_module(f"sfm_core.adapters.inmemory{part}")
            for kind in vars(module).values():
                if inspect.isclass(kind) and kind.__module__ == module.__name__:
                    for name, method in list(vars(kind).items()):
                        if inspect.iscoroutinefunction(method):
                            patch.setattr(kind, name, self._held(method))
                        elif inspect.isasyncgenfunction(method):
                            patch.setattr(kind, name, self._held_stream(method))

    def _held(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def held(*args: Any, **kwargs: Any) -> Any:
            if self.stuck:
                await self.let.wait()
            return await method(*args, **kwargs)

        return held

    def _held_stream(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def held(*args: Any, **kwargs: Any) -> Any:
            if self.stuck:
                await self.let.wait()
            async for one in method(*args, **kwargs):
                yield one

        return held


async def made(client: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    path = operation.path.replace("{ns}", "acme").replace("{coord}", "1")
    more: dict[str, Any] = {}
    if operation.body is not Body.NONE:
        more = {"json": CALLS[operation.id].example}
    return await client.request(operation.method, path, params=ASKED.get(operation.id), **more)


@pytest.mark.parametrize("operation", BOUND, ids=lambda one: one.id)
async def test_a_call_over_a_stuck_store_is_504_and_frees_its_place(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    store.spoil(monkeypatch)
    with anyio.fail_after(20):
        async with twin_runtime() as runtime, running(runtime=runtime, limits=SOON) as client:
            await client.put("/v1/acme/memories/1", json={"payload": {"said": "tea"}})
            await client.put("/v1/acme/memories/2", json={"payload": {"said": "tea"}})
            store.stuck = True
            answers = [await made(client, operation) for _ in range(2)]
            store.stuck = False
            store.let.set()
            after = await client.get("/v1/acme/memories/1")
            waiting = runtime.embedder.statistics().waiting
    for answer in answers:  # the second was let in, so the first has left its place
        assert answer.status_code == 504, answer.text
        assert answer.json()["type"] == "urn:sfm:error:deadline-exceeded"
    assert after.status_code in (200, 404)
    assert waiting == 0


async def test_a_write_that_met_its_deadline_says_that_it_may_yet_be_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store()
    store.spoil(monkeypatch)
    key = {"Idempotency-Key": "once"}
    with anyio.fail_after(20):
        async with twin_runtime() as runtime, running(runtime=runtime, limits=SOON) as client:
            await client.put("/v1/acme/memories/1", json={"payload": {"n": 1}})
            store.stuck = True
            late = await client.put("/v1/acme/memories/2", json={"payload": {}}, headers=key)
            erased = await client.delete("/v1/acme")
            read = await client.get("/v1/acme/memories/1")
            store.stuck = False
            store.let.set()
            again = await client.put("/v1/other/memories/3", json={"payload": {"n": 3}})
    assert "may still be done" in late.json()["detail"]
    assert "may still be done" in erased.json()["detail"]
    assert "may still be done" not in read.json()["detail"]
    assert again.status_code == 201


async def test_an_import_in_which_nothing_moves_is_cut_without_an_end_and_frees_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store()
    store.spoil(monkeypatch)
    headers = AUTHORIZED | {"Content-Type": "application/x-ndjson"}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def imported(app: ASGIApp) -> None:
        arriving: list[Message] = [
            {"type": "http.request", "body": b'{"coordinate": [1], "payload": {}}\n'}
        ]

        async def receive() -> Message:
            if arriving:
                return arriving.pop()
            await anyio.sleep_forever()
            raise AssertionError("unreachable")

        await app(scope_of("POST", "/v1/acme/import", headers), receive, send)

    with anyio.fail_after(20):
        async with twin_runtime() as runtime:
            app = create_app(runtime, SETTINGS, limits=SOON)
            store.stuck = True
            await imported(app)
            await imported(app)  # the only place was free again
            store.stuck = False
            store.let.set()
    begun = [message["status"] for message in sent if "status" in message]
    assert begun == [200, 200]
    assert all(message.get("more_body") for message in sent if "body" in message)
