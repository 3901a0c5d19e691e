"""A stop is orderly: what was taken in is answered, and what was not answered was not done."""

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import pytest

from tests.servers.standalone import Standalone, standalone

pytestmark = [pytest.mark.e2e, pytest.mark.chaos]

WRITERS = 16
BEFORE_THE_STOP = 200
EXIT_WITHIN_S = 10.0
STOPS = 3


@dataclass
class Told:
    """What became of each write, by the coordinate it went to."""

    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    enough: anyio.Event = field(default_factory=anyio.Event)


async def _writer(client: httpx.AsyncClient, told: Told, place: str) -> None:
    """Writes to ever new coordinates until the server is gone."""
    number = 0
    while True:
        number += 1
        at = f"{place},{number}"
        try:
            answer = await client.put(f"/v1/stops/memories/{at}", json={"payload": {"text": at}})
        except httpx.ConnectError:
            return
        except httpx.TransportError:
            told.unanswered.add(at)
            return
        if answer.status_code == 503:
            assert answer.headers["retry-after"]
            told.refused.add(at)
            return
        assert answer.status_code == 201, answer.text
        told.acknowledged.add(at)
        if len(told.acknowledged) >= BEFORE_THE_STOP:
            told.enough.set()


async def _stopped_under_load(server: Standalone, stop: int) -> Told:
    told = Told()
    assert server.process is not None
    process = server.process
    async with (
        httpx.AsyncClient(base_url=server.url, headers=server.headers(), timeout=30) as client,
        anyio.create_task_group() as writers,
    ):
        for writer in range(WRITERS):
            writers.start_soon(_writer, client, told, f"{stop},{writer}")
        with anyio.fail_after(60):
            await told.enough.wait()
        began = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        code = await anyio.to_thread.run_sync(server.wait, 30.0)
        took_s = time.perf_counter() - began
    assert code == 0, server.stderr
    assert took_s < EXIT_WITHIN_S
    return told


async def _stored(client: httpx.AsyncClient) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        params = {"limit": "1000"} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get("/v1/stops/memories", params=params)).json()
        found |= {",".join(str(axis) for axis in m["coordinate"]) for m in page["memories"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_sigterm_under_load_ends_in_time_and_every_write_is_done_or_not(
    tmp_path: Path,
) -> None:
    with standalone(tmp_path / "data") as server:
        acknowledged: set[str] = set()
        not_done: set[str] = set()
        for stop in range(STOPS):
            await anyio.to_thread.run_sync(server.start)
            told = await _stopped_under_load(server, stop)
            acknowledged |= told.acknowledged
            not_done |= told.refused | told.unanswered
        await anyio.to_thread.run_sync(server.start)
        async with httpx.AsyncClient(base_url=server.url, headers=server.headers()) as client:
            stored = await _stored(client)
        assert server.stop() == 0
    assert acknowledged <= stored
    assert not (not_done & stored), "written, but its caller was not told"
