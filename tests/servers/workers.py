"""Services as processes of their own, for tests that drive them from outside."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

START_S = 30.0
EXIT_S = 15
"""Within which a service that is told to stop is gone, whatever is down."""
_EVERY_S = 0.05


@dataclass
class ServiceProcess:
    process: "subprocess.Popen[bytes]"
    log: Path

    @cached_property
    def url(self) -> str:
        """Where it listens, once it does."""
        return until(self._listening, within_s=START_S)

    def _listening(self) -> str:
        assert self.process.poll() is None, self.log.read_text()
        ports = [line["port"] for line in self.lines() if line["event"] == "http.listening"]
        return f"http://127.0.0.1:{ports[0]}" if ports else ""

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        said = self.log.read_text().splitlines()
        return [json.loads(line) for line in said if line.startswith("{")]

    def stop(self) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(EXIT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz").status_code == 200

    def metric(self, name: str, **labels: str) -> float:
        """Of the series that has these labels, among others; 0 when there is none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(one in series for one in wanted):
                return float(value)
        return 0.0


@contextmanager
def service(module: str, **env: str) -> Iterator[ServiceProcess]:
    """`python -m module` with this environment, just started; killed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": os.environ.get("HOME", folder),
                    "SFM_EMBEDDER": "hash",
                    "SFM_METRICS_PORT": "0",
                    "SFM_HTTP_PORT": "0",
                    **env,
                },
                stderr=sink,
            )
        running = ServiceProcess(process, log)
        try:
            yield running
        finally:
            running.kill()


def until[T](look: Callable[[], T], *, within_s: float = 20.0) -> T:
    """What `look` gives, once that is true.

    Raises:
        AssertionError: it never was; what `look` gave or raised last.
    """
    due = time.monotonic() + within_s
    while True:
        try:
            found = look()
        except httpx.TransportError as error:
            if time.monotonic() > due:
                raise AssertionError(f"not within {within_s:g} s: {error!r}") from error
        else:
            if found:
                return found
            assert time.monotonic() < due, f"not within {within_s:g} s: {found!r}"
        _pause()


def _pause() -> None:
    time.sleep(_EVERY_S)  # noqa: TID251 - between two looks from outside, no loop is blocked
