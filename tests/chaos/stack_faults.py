"""What is done to a stack: services killed at random, servers taken down, replicas added."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import anyio

from scripts.stack import kafka
from scripts.stack.health import is_ready
from scripts.stack.programs import SERVERS, SERVICES
from tests.servers.stack import Stack
from tests.servers.standalone import free_port

READY_WITHIN_S = 180.0
LOOK_S = 0.05


async def until_ready(url: str) -> None:
    with anyio.fail_after(READY_WITHIN_S):
        while not await is_ready(url):  # noqa: ASYNC110 - another process is waited for
            await anyio.sleep(LOOK_S)


@dataclass
class Killer:
    """Kills one program again and again, at random moments of its life and of the load."""

    stack: Stack
    program: str
    rng: random.Random
    life: Callable[[random.Random], Awaitable[None]]
    """Waits for as long as it may live, once it is ready; or not, when it is to die early."""
    kills: int = 0
    _last: int | None = None

    async def run(self, times: int) -> None:
        while self.kills < times:
            await self._once()

    async def _once(self) -> None:
        with anyio.fail_after(READY_WITHIN_S):
            while (pid := await self._pid()) in {None, self._last}:  # noqa: ASYNC110
                await anyio.sleep(LOOK_S)
        url = self.stack.endpoints.services.get(self.program)
        if url is None or self.rng.random() < 0.8:
            if url is not None:
                await until_ready(url)
            await self.life(self.rng)
        else:
            await anyio.sleep(self.rng.uniform(0.0, 2.0))
        try:
            os.kill(pid or 0, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._last = pid
        self.kills += 1

    async def _pid(self) -> int | None:
        return await anyio.to_thread.run_sync(self.stack.pid, self.program)


@asynccontextmanager
async def server_down(stack: Stack, server: str) -> AsyncGenerator[None]:
    """A server that has crashed, and stays away while the block runs."""
    supervisor = stack.supervisor
    pid = stack.kill(server, signal.SIGSTOP)  # so that it does not end in order when told to
    async with anyio.create_task_group() as stopping:
        stopping.start_soon(anyio.to_thread.run_sync, supervisor.stop, SERVERS, server)
        while await anyio.to_thread.run_sync(stack.state, server) == "RUNNING":  # noqa: ASYNC110
            await anyio.sleep(LOOK_S)
        os.kill(pid, signal.SIGKILL)
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(supervisor.start_again, SERVERS, server)


@asynccontextmanager
async def service_away(stack: Stack, service: str) -> AsyncGenerator[None]:
    """A service that was told to stop, and stays away while the block runs."""
    await anyio.to_thread.run_sync(stack.supervisor.stop, SERVICES, service)
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(stack.supervisor.start_again, SERVICES, service)


def emptied_kafka(stack: Stack) -> None:
    """Let the broker, which is down, come back as one that never held anything."""
    folder = stack.path / "kafka"
    properties = (folder / "server.properties").read_text("utf-8")
    [controller_port] = re.findall(r"CONTROLLER://[^:]+:(\d+)", properties)
    shutil.rmtree(folder / "data")
    kafka.prepared(
        folder,
        port=int(stack.endpoints.kafka.rpartition(":")[2]),
        controller_port=int(controller_port),
    )


@dataclass
class Replica:
    """One more process of a service, that nobody starts again."""

    service: str
    url: str
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def kill(self) -> None:
        """End it as a crash would: it leaves no group and closes nothing."""
        self.process.kill()
        self.process.wait()

    async def terminated(self, *, within_s: float) -> int:
        """Its exit code after SIGTERM.

        Raises:
            AssertionError: it was not gone in time.
        """
        self.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while self.process.poll() is None:
            took_s = time.monotonic() - began
            assert took_s < within_s, f"{self.service} still runs {took_s:.1f} s after SIGTERM"
            await anyio.sleep(LOOK_S)
        return self.process.returncode


@contextmanager
def a_replica(stack: Stack, service: str, **env: str) -> Iterator[Replica]:
    """One more of a service, started as the stack starts its own, on a port of its own."""
    spec = json.loads((stack.folder.programs / f"{service}.json").read_text("utf-8"))
    port = free_port()
    name = "SFM_HTTP_PORT" if service == "api" else "SFM_METRICS_PORT"
    log = stack.folder.log(f"{service}-{port}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            spec["command"],
            env=spec["env"] | {name: str(port), **env},
            cwd=spec["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Replica(service, f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()
