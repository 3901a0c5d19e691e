"""Clients that leave: what was done for them ends, and nothing stays behind."""

from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from starlette.types import ASGIApp, Message

from sfm_api.app import create_app
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.assembled import Runtime
from tests.unit.sfm_api.api_client import AUTHORIZED, SETTINGS, scope_of
from tests.unit.sfm_api.test_api_limits import HeldEmbedder
from tests.unit.sfm_api.twin_runtime import twin_runtime

JSON = AUTHORIZED | {"Content-Type": "application/json"}


@dataclass
class Visitor:
    """A client whose request is in, and who leaves when told."""

    body: bytes = b'{"query": "tea"}'
    leaving: anyio.Event = field(default_factory=anyio.Event)
    sent: list[Message] = field(default_factory=list)
    _given: bool = False

    async def receive(self) -> Message:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.leaving.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, app: ASGIApp, method: str, path: str) -> None:
        await app(scope_of(method, path, JSON), self.receive, self.send)

    @property
    def status(self) -> int | None:
        return next((m["status"] for m in self.sent if "status" in m), None)


def waiting(runtime: Runtime) -> int:
    return runtime.embedder.statistics().waiting


async def test_a_recall_whose_client_left_is_cancelled_and_noted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "sfm_api")
    embedder, visitor = HeldEmbedder(), Visitor()
    with anyio.fail_after(5):
        async with twin_runtime(embedder=embedder) as runtime:
            app = create_app(runtime, SETTINGS)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(visitor.call, app, "POST", "/v1/acme/recall")
                await embedder.asked.wait()
                visitor.leaving.set()
    assert embedder.cancelled == 1
    [line] = [record for record in caplog.records if record.message == "request.answered"]
    assert vars(line)["status"] == 499


async def test_a_read_without_a_body_is_cancelled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, cancelled, visitor = anyio.Event(), anyio.Event(), Visitor(body=b"")

    async def endless(*_: object) -> None:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    monkeypatch.setattr(InMemoryStore, "namespaces", endless)
    with anyio.fail_after(5):
        async with twin_runtime() as runtime:
            app = create_app(runtime, SETTINGS)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(visitor.call, app, "GET", "/v1/namespaces")
                await asked.wait()
                visitor.leaving.set()
    assert cancelled.is_set()


async def test_a_begun_write_is_finished_though_its_client_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, release, visitor = anyio.Event(), anyio.Event(), Visitor(body=b'{"payload": {"a": 1}}')
    apply = InMemoryStore.apply

    async def slowly(self: InMemoryStore, *args: object, **kwargs: object) -> object:
        begun.set()
        await release.wait()
        return await apply(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(InMemoryStore, "apply", slowly)
    with anyio.fail_after(5):
        async with twin_runtime() as runtime:
            app = create_app(runtime, SETTINGS)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(visitor.call, app, "PUT", "/v1/acme/memories/1")
                await begun.wait()
                visitor.leaving.set()
            assert visitor.status == 499
            assert await runtime.records.namespaces() == []
            release.set()
            while await runtime.records.namespaces() != ["acme"]:
                await anyio.lowlevel.checkpoint()


async def test_a_client_that_stays_is_answered_as_ever() -> None:
    visitor = Visitor()
    async with twin_runtime() as runtime:
        await visitor.call(create_app(runtime, SETTINGS), "POST", "/v1/acme/recall")
    assert visitor.status == 200


async def test_a_thousand_abandoned_recalls_leave_queue_gate_and_scans_empty() -> None:
    embedder = HeldEmbedder()
    with anyio.fail_after(30):
        async with twin_runtime(embedder=embedder) as runtime:
            app = create_app(runtime, SETTINGS)
            for _ in range(10):
                visitors = [Visitor() for _ in range(100)]
                async with anyio.create_task_group() as tasks:
                    for visitor in visitors:
                        tasks.start_soon(visitor.call, app, "POST", "/v1/acme/recall")
                    await embedder.asked.wait()
                    for visitor in visitors:
                        visitor.leaving.set()
                assert {visitor.status for visitor in visitors} == {499}
            assert embedder.cancelled <= 1000
            assert waiting(runtime) == 0
            embedder.let.set()
            full = [Visitor() for _ in range(256)]
            async with anyio.create_task_group() as tasks:
                for visitor in full:
                    tasks.start_soon(visitor.call, app, "POST", "/v1/acme/recall")
            assert {visitor.status for visitor in full} == {200}
