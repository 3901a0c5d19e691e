"""`python -m sfm_api` as a process of its own, over a real PostgreSQL."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import httpx
import pytest

from tests.unit.sfm_api.api_client import AUTHORIZED, TEA, TOKEN

pytestmark = pytest.mark.integration

EXIT_S = 15


@dataclass
class ApiProcess:
    process: subprocess.Popen[str]
    url: str

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(EXIT_S)


def environment(**settings: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "SOMA_API_TOKEN": TOKEN,
        "SFM_HTTP_PORT": "0",
        "SFM_EMBEDDER": "hash",
        **settings,
    }


def lines_of(process: subprocess.Popen[str]) -> Iterator[dict[str, object]]:
    """The log lines as they come, until the process ends."""
    assert process.stderr is not None
    for line in process.stderr:
        yield json.loads(line)


@contextmanager
def started(env: Mapping[str, str]) -> Iterator[ApiProcess]:
    process = subprocess.Popen(
        [sys.executable, "-m", "sfm_api"], env=dict(env), stderr=subprocess.PIPE, text=True
    )
    reading = None
    try:
        lines = lines_of(process)
        listening = next(line for line in lines if line["event"] == "http.listening")
        # Its log is read to the end, or it would wait for a reader once the pipe is full.
        reading = Thread(target=deque, args=(lines, 0))
        reading.start()
        yield ApiProcess(process, f"http://127.0.0.1:{listening['port']}")
    finally:
        process.kill()
        if reading is not None:
            reading.join()
        process.communicate()


def failed(env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and log of a process that does not come up."""
    done = subprocess.run(
        [sys.executable, "-m", "sfm_api"], env=dict(env), capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stderr


def test_it_stores_and_recalls_over_postgres_and_finds_it_after_a_restart(
    fresh_database: str,
) -> None:
    env = environment(POSTGRES_URL=fresh_database)
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        assert client.get("/readyz").json()["ready"] is True
        stored = client.put("/v1/acme/memories/1,2.5", json=TEA)
        again = client.put("/v1/acme/memories/1,2.5", json=TEA, headers={"Idempotency-Key": "k"})
        replay = client.put("/v1/acme/memories/1,2.50", json=TEA, headers={"Idempotency-Key": "k"})
        before = client.post("/v1/acme/recall", json={"query": "green tea"}).json()["hits"]
        assert api.stop() == 0
    with started(env) as api, httpx.Client(base_url=api.url, headers=AUTHORIZED) as client:
        names = client.get("/v1/namespaces").json()
        after = client.post("/v1/acme/recall", json={"query": "green tea"}).json()["hits"]
        deleted = client.delete("/v1/acme/memories/1,2.5")
        gone = client.post("/v1/acme/recall", json={"query": "green tea"}).json()["hits"]
    assert (stored.status_code, again.status_code, replay.status_code) == (201, 200, 200)
    assert replay.headers["idempotent-replay"] == "true"
    assert again.json() == replay.json()
    assert len(before) == 1
    assert before == after
    assert deleted.status_code == 204
    assert gone == []
    assert names == {"namespaces": ["acme"]}


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({"SOMA_API_TOKEN": ""}, ["SOMA_API_TOKEN is required", "POSTGRES_URL is required"]),
        ({"SOMA_API_TOKEN": "short"}, ["POSTGRES_URL is required"]),
        ({"POSTGRES_URL": "memory://", "SFM_HTP_PORT": "1"}, ["did you mean SFM_HTTP_PORT?"]),
    ],
    ids=str,
)
def test_wrong_settings_are_told_all_at_once_and_it_does_not_start(
    env: dict[str, str], names: list[str]
) -> None:
    code, log = failed(environment(**env))
    assert code == 2
    for name in names:
        assert name in log


def test_a_taken_port_and_a_database_that_is_away_are_one_clear_line_each() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, log = failed(environment(POSTGRES_URL="memory://", SFM_HTTP_PORT=port))
    assert code == 1
    assert f"port {port} is in use" in log
    nobody = f"postgresql://user:hidden-word@127.0.0.1:{port}/none"
    code, log = failed(environment(POSTGRES_URL=nobody))
    assert code == 1
    assert "service.failed" in log
    assert "hidden-word" not in log
