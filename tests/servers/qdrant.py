"""A real vector store for the tests: `$SFM_TEST_QDRANT_URL`, else Qdrant's engine in a process.

Where neither is to be had, tests that ask for it are skipped; with `CI=true` they fail. Tests
that stop, freeze or empty a server start one of their own, with `qdrant`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
READY_S = 20.0


@dataclass
class TestQdrant:
    """A server process that a test may do anything to."""

    __test__ = False

    port: int
    data: Path
    options: tuple[str, ...] = ()
    scheme: str = "http"
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it over what it holds, and wait until it answers."""
        log = self.data.with_suffix(".log")
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.servers.qdrant_engine"),
                    *("--port", str(self.port), "--data", str(self.data), *self.options),
                ],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        due = time.monotonic() + READY_S
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > due:
                raise RuntimeError(f"Qdrant's engine does not start: {log.read_text()}")

    def stop(self) -> None:
        """End it as an operator would; what it holds stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would; what it acknowledged stays."""
        self._end(signal.SIGKILL)

    def restart_empty(self) -> None:
        """What a lost disk leaves."""
        self.kill()
        shutil.rmtree(self.data)
        self.start()

    def freeze(self) -> None:
        """Keep it from running: it takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        try:  # whose certificate it is does not matter here
            return httpx.get(f"{self.url}/readyz", timeout=1.0, verify=False).is_success  # noqa: S501
        except httpx.TransportError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextmanager
def qdrant(*options: str, scheme: str = "http") -> Iterator[TestQdrant]:
    """A server of one's own, with options such as `--api-key secret`; ended at the end.

    Raises:
        ModuleNotFoundError: the engine is not installed.
    """
    if find_spec("qdrant_edge") is None:
        raise ModuleNotFoundError("qdrant-edge-py is not installed")
    with tempfile.TemporaryDirectory(prefix="sfm-test-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = TestQdrant(port, Path(folder) / "data", options, scheme)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def qdrant_or_skip(*options: str, scheme: str = "http") -> Iterator[TestQdrant]:
    """As `qdrant`; the test is skipped where there is none, and fails with `CI=true`."""
    if find_spec("qdrant_edge") is None and os.environ.get("CI") != "true":
        pytest.skip("no Qdrant: qdrant-edge-py is not installed")
    with qdrant(*options, scheme=scheme) as server:
        yield server


@pytest.fixture(scope="session")
def qdrant_url() -> Iterator[str]:
    """A server for the whole run; tests use collections of their own in it."""
    given = os.environ.get("SFM_TEST_QDRANT_URL")
    if given:
        yield given
        return
    with qdrant_or_skip() as server:
        yield server.url


@pytest.fixture
def own_qdrant() -> Iterator[TestQdrant]:
    """A server of the test's own, to stop, freeze or empty."""
    with qdrant_or_skip() as server:
        yield server
