"""The reconciler as a service in this process, over real servers."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import anyio
import httpx
import pytest

from sfm_core.runtime.settings import load
from sfm_core.runtime.tracing import NoTracing
from sfm_core.runtime.worker_http import watched
from sfm_reconciler import wiring
from sfm_reconciler.settings import ReconcilerSettings

SOON_S: Final = 60.0


def settings_of(**env: str) -> ReconcilerSettings:
    fast = {
        "SFM_EMBEDDER": "hash",
        "SFM_METRICS_PORT": "0",
        "SFM_RECONCILE_INTERVAL_SECONDS": "0.1",
        "SFM_AUDIT_INTERVAL_SECONDS": "0.2",
        "SFM_PRUNING_INTERVAL_SECONDS": "1",
    }
    return load(ReconcilerSettings, fast | env)


@asynccontextmanager
async def reconciling(
    settings: ReconcilerSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[httpx.AsyncClient]:
    """The service, and a client of its probes; stopped at the end."""
    found: list[int] = []

    @asynccontextmanager
    async def telling(*args: Any, **kwargs: Any) -> AsyncGenerator[int]:
        async with watched(*args, **kwargs) as port:
            found.append(port)
            yield port

    monkeypatch.setattr(wiring, "watched", telling)
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(wiring.run, settings, stopping, tracing=NoTracing()))
        await until(lambda: _is(bool(found)))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{found[-1]}") as client:
            yield client
        stopping.set()


async def until(look: Callable[[], Awaitable[bool]], *, within_s: float = SOON_S) -> None:
    with anyio.fail_after(within_s):
        while not await look():  # noqa: ASYNC110 - from outside there is nothing to wait for
            await anyio.sleep(0.02)


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


async def metric(client: httpx.AsyncClient, series: str) -> float:
    """0 when there is none."""
    for line in (await client.get("/metrics")).text.splitlines():
        name, _, value = line.rpartition(" ")
        if name == series:
            return float(value)
    return 0.0


async def _is(value: bool) -> bool:
    return value
