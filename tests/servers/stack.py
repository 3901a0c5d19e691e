"""The whole system as separate processes (`make stack`), in a folder and on ports of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from scripts.stack.folder import ROOT, Endpoints, StackFolder
from scripts.stack.supervision import Running, Supervisor

PORTS = ("POSTGRES", "REDIS", "KAFKA", "QDRANT", "KV_WRITER", "VECTOR_INDEXER", "RECONCILER")
QUICK = {
    **{f"SFM_STACK_{each}_PORT": "0" for each in PORTS},
    "SFM_HTTP_PORT": "0",
    "SFM_STACK_KAFKA_HEAP_MB": "128",
    "SFM_STACK_READY_SECONDS": "240",
    "SFM_EMBEDDER": "hash",
    "SOMA_RATE_LIMIT_MAX": "0",
}
COMMAND_S = 600.0


@dataclass
class Stack:
    """One stack folder, and what runs from it."""

    path: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> StackFolder:
        return StackFolder.of(self.path)

    @property
    def supervisor(self) -> Supervisor:
        """The process manager; its calls block for milliseconds."""
        return Supervisor(self.folder)

    @property
    def endpoints(self) -> Endpoints:
        found = self.folder.announced()
        assert found is not None, "the stack is not up"
        return found

    @property
    def headers(self) -> dict[str, str]:
        given = self.env.get("SOMA_API_TOKEN")
        token = given or (self.path / "token").read_text("utf-8").strip()
        return {"Authorization": f"Bearer {token}"}

    def command(self, name: str) -> "subprocess.CompletedProcess[str]":
        """`make stack` (up), `stack-down` (down) or `stack-status` (status), as it is run there."""
        return subprocess.run(
            [sys.executable, "-m", "scripts.stack", name],
            cwd=ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )

    @contextmanager
    def starting(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A start that goes on while the block runs, and is killed at its end."""
        with subprocess.Popen(
            [sys.executable, "-m", "scripts.stack", "up"],
            cwd=ROOT,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
        ) as start:
            try:
                yield start
            finally:
                start.kill()

    def _environment(self) -> dict[str, str]:
        ours = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SFM_", "SOMA_", "POSTGRES_"))
        }
        return {**ours, **QUICK, **self.env, "SFM_STACK_DIR": str(self.path)}

    def up(self) -> str:
        """What it said; fails with the reason when it did not come up."""
        done = self.command("up")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def down(self) -> str:
        done = self.command("down")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        done = self.command("status")
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def pid(self, program: str) -> int | None:
        """Of a service or server; None while it does not run."""
        return self._program(program).pid

    def state(self, program: str) -> str:
        """In supervisord's words, `RUNNING` or `STOPPING` for example."""
        return self._program(program).state

    def _program(self, name: str) -> Running:
        [found] = [each for each in self.supervisor.running() if each.name == name]
        return found

    def kill(self, program: str, number: int = signal.SIGKILL) -> int:
        """Signal a program; the pid it had."""
        pid = self.pid(program)
        assert pid is not None, f"{program} does not run"
        os.kill(pid, number)
        return pid

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.endpoints.api, headers=self.headers, timeout=30)

    def processes(self) -> list[psutil.Process]:
        """Everything that works for this folder, whoever started it."""
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            told = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except (psutil.Error, OSError):
            return False
        return process.pid != os.getpid() and any(str(self.path) in each for each in told)


@contextmanager
def a_stack(path: Path, **env: str) -> Iterator[Stack]:
    """A stack that is up, and gone at the end whatever happened."""
    stack = Stack(path, env)
    stack.up()
    try:
        yield stack
    finally:
        stack.down()
