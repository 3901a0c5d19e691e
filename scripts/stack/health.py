"""Whether the parts of a stack answer, and waiting until they do."""

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import anyio
import asyncpg
import httpx

from scripts.stack.folder import Endpoints, StackFolder
from scripts.stack.supervision import Running
from sfm_core.errors import Unavailable
from tests.servers.kafka_process import answers

type Probe = Callable[[], Awaitable[bool]]


class Programs(Protocol):
    """What is asked of the process manager."""

    def running(self) -> Sequence[Running]: ...


_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""All is plain here; a client that reads the system's certificates first costs 25 ms of CPU."""
_LOOK_S: Final = 0.05
_PROBE_S: Final = 3.0
_TRIES: Final = 3
"""How often a program may end before it is ready, until that is said."""
_TAIL_LINES: Final = 15


def server_probes(endpoints: Endpoints) -> dict[str, Probe]:
    """How each server is asked, by the name of its program."""

    async def kafka() -> bool:
        return await anyio.to_thread.run_sync(answers, _port(f"//{endpoints.kafka}"))

    return {
        "postgres": partial(_postgres_answers, endpoints.postgres),
        "valkey": partial(_valkey_answers, _port(endpoints.redis)),
        "kafka": kafka,
        "qdrant": partial(is_ready, endpoints.qdrant),
    }


def service_probes(endpoints: Endpoints) -> dict[str, Probe]:
    return {name: partial(is_ready, url) for name, url in endpoints.services.items()}


async def is_ready(url: str) -> bool:
    """Whether `/readyz` says so."""
    try:
        async with httpx.AsyncClient(base_url=url, timeout=_PROBE_S, verify=_NO_TLS) as client:
            return (await client.get("/readyz")).is_success
    except httpx.TransportError:
        return False


async def until_ready(
    probes: Mapping[str, Probe], supervisor: Programs, folder: StackFolder, *, within_s: float
) -> None:
    """Return once every probe was answered well.

    Raises:
        Unavailable: one was not in time, or its program does not come up; which, and the end of
            its log.
    """
    waiting = dict(probes)
    seen: dict[str, set[int]] = {}
    due = anyio.current_time() + within_s
    while waiting:
        for name, probe in list(waiting.items()):
            if await probe():
                del waiting[name]
        for program in await anyio.to_thread.run_sync(supervisor.running):
            if program.name not in waiting:
                continue
            pids = seen.setdefault(program.name, set())
            if program.pid is not None:
                pids.add(program.pid)
            if len(pids) > _TRIES:
                raise await _not_ready(folder, program, "does not start")
            if anyio.current_time() > due:
                raise await _not_ready(folder, program, f"is not ready after {within_s:g} s")
        await anyio.sleep(_LOOK_S)


async def _not_ready(folder: StackFolder, program: Running, what: str) -> Unavailable:
    log = folder.log(program.name)
    tail = await anyio.to_thread.run_sync(_tail, log)
    return Unavailable(
        f"{program.name} {what} ({program.state.lower()}; {program.said}). "
        f"The end of {log}:\n{tail}"
    )


def _tail(log: Path) -> str:
    if not log.exists():
        return "  (empty)"
    lines = log.read_text("utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines)


async def _postgres_answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=_PROBE_S)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def _valkey_answers(port: int) -> bool:
    try:
        with anyio.fail_after(_PROBE_S):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b"PING\r\n")
                return (await stream.receive()).startswith(b"+PONG")
    except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False


def _port(url: str) -> int:
    return int(urlsplit(url).port or 0)
