"""What a worker shows of itself, over the app and over a real port."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from sfm_core.errors import Misconfigured, Unavailable
from sfm_core.runtime.metrics import open_telemetry
from sfm_core.runtime.names import SFM_NAMES
from sfm_core.runtime.readiness import Dependency, Readiness
from sfm_core.runtime.settings import load, names
from sfm_core.runtime.worker_http import watched, worker_app
from sfm_core.runtime.worker_settings import KV_WRITER_PORT, WorkerSettings, metrics_port

UP = Dependency(name="postgres", ok=True, required=True)
DOWN = Dependency(name="kafka", ok=False, required=True, detail="no broker answers")

type Ready = Callable[[], Awaitable[Readiness]]


def says(*dependencies: Dependency) -> Ready:
    async def ready() -> Readiness:
        return Readiness(dependencies=dependencies)

    return ready


async def fails() -> Readiness:
    raise Unavailable("the store does not answer")


async def hangs() -> Readiness:
    await anyio.sleep_forever()
    raise AssertionError


def app_of(ready: Ready, *, within_s: float = 5.0) -> Starlette:
    return worker_app(
        service="sfm-test", telemetry=open_telemetry(), ready=ready, ready_within_s=within_s
    )


async def asked(app: Starlette, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://worker"
    ) as client:
        return await client.request(method, path)


async def test_health_asks_nobody() -> None:
    answer = await asked(app_of(fails), "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "service": "sfm-test"})


async def test_readiness_names_what_is_up_and_what_is_down() -> None:
    good = await asked(app_of(says(UP)), "/readyz")
    bad = await asked(app_of(says(UP, DOWN)), "/readyz")
    assert (good.status_code, good.json()["ready"]) == (200, True)
    assert bad.status_code == 503
    assert bad.headers["cache-control"] == "no-store"
    assert bad.json() == {
        "ready": False,
        "service": "sfm-test",
        "dependencies": [
            {"name": "postgres", "ok": True, "required": True, "detail": ""},
            {"name": "kafka", "ok": False, "required": True, "detail": "no broker answers"},
        ],
    }


@pytest.mark.parametrize(
    ("ready", "detail"),
    [(fails, "the store does not answer"), (hangs, "no answer within 0.05 s")],
)
async def test_an_outage_and_a_silence_are_not_ready(ready: Ready, detail: str) -> None:
    with anyio.fail_after(5):
        answer = await asked(app_of(ready, within_s=0.05), "/readyz")
    assert answer.status_code == 503
    assert [one["detail"] for one in answer.json()["dependencies"]] == [detail]


async def test_a_hundred_probes_ask_once() -> None:
    calls = 0

    async def ready() -> Readiness:
        nonlocal calls
        calls += 1
        await anyio.lowlevel.checkpoint()
        return Readiness(dependencies=[UP])

    app = app_of(ready)
    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(asked, app, "/readyz")
    assert calls == 1


async def test_metrics_are_the_scrape_and_nothing_else_is_there() -> None:
    app = app_of(fails)
    metrics = await asked(app, "/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "sfm_build_info{" in metrics.text
    statuses = [(await asked(app, path)).status_code for path in ("/", "/docs", "/metrics/", "/v1")]
    assert statuses == [404] * 4
    assert (await asked(app, "/metrics", "POST")).status_code == 405


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOneWorker(WorkerSettings):
    metrics_port: int = metrics_port(KV_WRITER_PORT)


def test_each_worker_has_a_port_of_its_own_on_loopback() -> None:
    assert load(OfOneWorker, {}) == OfOneWorker(metrics_host="127.0.0.1", metrics_port=8001)
    assert load(OfOneWorker, {"SFM_METRICS_PORT": "9"}).metrics_port == 9
    assert {name for name in names(OfOneWorker) if name.startswith("SFM_")} <= SFM_NAMES


async def test_probes_are_answered_until_the_work_is_done_and_then_no_more() -> None:
    settings = WorkerSettings()
    telemetry = open_telemetry()
    with anyio.fail_after(10):
        async with httpx.AsyncClient() as client:
            async with watched(
                settings, service="sfm-test", telemetry=telemetry, ready=says(UP)
            ) as port:
                url = f"http://127.0.0.1:{port}"
                assert (await client.get(f"{url}/readyz")).status_code == 200
                assert "sfm_event_loop_lag_seconds" in (await client.get(f"{url}/metrics")).text
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/healthz")


async def test_a_taken_port_is_told_and_the_work_does_not_begin() -> None:
    began = False
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
            async with watched(
                WorkerSettings(metrics_port=port),
                service="sfm-test",
                telemetry=open_telemetry(),
                ready=says(UP),
            ):
                began = True
    assert not began
    assert caught.group_contains(Misconfigured, match=f"port {port} is in use")
