"""Acknowledged means durable: the process, or PostgreSQL under it, is killed while clients write.

Clients do what clients should: an `Idempotency-Key` on every write, and the same request again
for as long as there is no answer. In the end each of their writes is there once.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import psutil
import pytest

from tests.servers.standalone import Standalone, standalone

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

WRITERS = 8
KILLS = 20
ACKNOWLEDGED_BETWEEN_KILLS = 24
NAMESPACE = "kills"


@dataclass
class Told:
    """What the clients were told, by the text they stored."""

    coordinates: dict[str, list[float]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    enough: anyio.Event = field(default_factory=anyio.Event)
    wanted: int = ACKNOWLEDGED_BETWEEN_KILLS

    def acknowledge(self, text: str, answer: httpx.Response) -> None:
        body = answer.json()
        self.coordinates[text] = body["coordinate"]
        self.versions[text] = body["version"]
        if len(self.coordinates) >= self.wanted:
            self.enough.set()

    async def some_more(self) -> None:
        """Until a few writes were acknowledged from now on."""
        self.wanted = len(self.coordinates) + ACKNOWLEDGED_BETWEEN_KILLS
        self.enough = anyio.Event()
        with anyio.fail_after(60):
            await self.enough.wait()


async def _write(client: httpx.AsyncClient, told: Told, writer: int, number: int) -> None:
    """One write, until it is acknowledged: every other one finds its coordinate by itself."""
    text = f"writer {writer} wrote number {number}"
    body = {"payload": {"text": text}}
    headers = {"Idempotency-Key": f"{writer}-{number}"}
    while True:
        try:
            if number % 2:
                answer = await client.post(f"/v1/{NAMESPACE}/memories", json=body, headers=headers)
            else:
                answer = await client.put(
                    f"/v1/{NAMESPACE}/memories/{writer},{number}", json=body, headers=headers
                )
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code != 503:
            assert answer.status_code in {200, 201}, answer.text
            told.acknowledge(text, answer)
            return
        told.retries += 1
        await anyio.sleep(0.05)  # what `Retry-After` asks for, in the hurry of a test


async def _writer(client: httpx.AsyncClient, told: Told, writer: int, done: anyio.Event) -> None:
    number = 0
    while not done.is_set():
        await _write(client, told, writer, number)
        number += 1


def _kill_process(server: Standalone) -> None:
    server.kill()
    server.start()


def _kill_postgres(server: Standalone) -> None:
    main = server.postgres()
    if main is not None:
        main.send_signal(signal.SIGKILL)


def _kill_a_worker_of_postgres(server: Standalone) -> None:
    """PostgreSQL then drops every connection and recovers by itself."""
    main = server.postgres()
    for worker in [] if main is None else main.children():
        if worker.cmdline()[0].startswith("postgres: sfm sfm "):
            worker.kill()
            return


FAULTS: list[Callable[[Standalone], None]] = [
    _kill_process,
    _kill_postgres,
    _kill_process,
    _kill_a_worker_of_postgres,
]


async def test_every_acknowledged_write_is_there_once_after_twenty_kills(tmp_path: Path) -> None:
    told, done = Told(), anyio.Event()
    with standalone(tmp_path / "data") as server:
        await anyio.to_thread.run_sync(server.start)
        limits = httpx.Limits(max_connections=WRITERS)
        async with httpx.AsyncClient(
            base_url=server.url, headers=server.headers(), timeout=30, limits=limits
        ) as client:
            async with anyio.create_task_group() as writers:
                for writer in range(WRITERS):
                    writers.start_soon(_writer, client, told, writer, done)
                for kill in range(KILLS):
                    await told.some_more()
                    fault = FAULTS[kill % len(FAULTS)]
                    try:
                        await anyio.to_thread.run_sync(fault, server)
                    except psutil.NoSuchProcess:
                        continue
                await told.some_more()
                done.set()
            await _check(client, told)
        assert server.stop() == 0


async def _check(client: httpx.AsyncClient, told: Told) -> None:
    assert told.retries > 0, "no kill hit a write: the test showed nothing"
    found: dict[str, list[list[float]]] = {}
    cursor = None
    while True:
        page = await client.get(
            f"/v1/{NAMESPACE}/memories",
            params={"limit": 1000} | ({} if cursor is None else {"cursor": cursor}),
        )
        assert page.status_code == 200, page.text
        for memory in page.json()["memories"]:
            found.setdefault(memory["payload"]["text"], []).append(memory["coordinate"])
            assert memory["version"] == 1, memory
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert found.keys() == told.coordinates.keys()
    assert {text: [at] for text, at in told.coordinates.items()} == found
    assert set(told.versions.values()) == {1}
