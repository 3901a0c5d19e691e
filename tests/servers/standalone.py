"""The one-process server as a process of its own, as a user would start it."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

READY_WITHIN_S = 90.0
COMMAND = (sys.executable, "-m", "sfm_standalone")
QUICK = {"SFM_EMBEDDER": "hash", "SOMA_RATE_LIMIT_MAX": "0"}


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@dataclass
class Standalone:
    """One data directory and the process that serves from it, if any."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    env: Mapping[str, str] = field(default_factory=lambda: dict(QUICK))
    said: str = ""
    """What the last start wrote on stdout before it was ready."""
    started_in_s: float = 0.0
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.data_dir / "token").read_text().strip()

    @property
    def stderr(self) -> str:
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}.stderr"

    def environment(self) -> dict[str, str]:
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SFM_", "SOMA_", "POSTGRES_"))
        }
        place = {"SFM_DATA_DIR": str(self.data_dir), "SFM_HTTP_PORT": str(self.port)}
        return {**ours, **place, **self.env}

    def spawn(self) -> "subprocess.Popen[str]":
        """Start the process and do not wait for it."""
        with self._log.open("a") as errors:
            self.process = subprocess.Popen(
                COMMAND,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        return self.process

    def start(self) -> None:
        """Start the process; returns once it has said that it answers.

        Raises:
            AssertionError: it ended first, or was not ready in time; with its stderr.
        """
        began = time.perf_counter()
        process = self.spawn()
        assert process.stdout is not None
        self.said = ""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while "Ctrl-C" not in self.said:
                left_s = READY_WITHIN_S - (time.perf_counter() - began)
                assert selector.select(max(0.0, left_s)), f"not ready: {self.stderr}"
                some = os.read(process.stdout.fileno(), 65_536).decode()
                assert some, f"ended with {process.wait()}: {self.stderr}"
                self.said += some
        self.started_in_s = time.perf_counter() - began

    def stop(self, number: int = signal.SIGINT, *, within_s: float = 30.0) -> int:
        """Tell the process to stop; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait(within_s)

    def kill(self) -> None:
        """End the process as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.wait(10.0)

    def wait(self, within_s: float) -> int:
        assert self.process is not None
        code = self.process.wait(within_s)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return code

    def postgres(self) -> psutil.Process | None:
        """The main process of its PostgreSQL; None while there is none."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children():
            if child.name() == "postgres":
                return child
        return None

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers(), timeout=30)


@contextmanager
def standalone(data_dir: Path, **env: str) -> Iterator[Standalone]:
    """A server that is not started yet, and is gone at the end whatever happened."""
    server = Standalone(data_dir, env={**QUICK, **env})
    try:
        yield server
    finally:
        if server.process is not None:
            server.kill()
