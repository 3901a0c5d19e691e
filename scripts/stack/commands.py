"""`make stack`, `make stack-down`, `make stack-status`."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import anyio
import psutil

from scripts.stack import kafka, ports, postgres, programs, servers
from scripts.stack.folder import Endpoints, StackFolder, write_private
from scripts.stack.health import is_ready, server_probes, service_probes, until_ready
from scripts.stack.settings import StackSettings
from scripts.stack.supervision import Supervisor, configuration
from sfm_core.errors import NotFound, Unavailable
from sfm_core.runtime.settings import load
from sfm_standalone.data_dir import DataDir
from sfm_standalone.socket_folder import abandon

DOWN_WITHIN_S: Final = 60.0
"""More than the process manager gives to all its programs."""
_INSIST_S: Final = 10.0
_LOOK_S: Final = 0.05


async def up(env: Mapping[str, str]) -> tuple[Endpoints, bool]:
    """Bring the stack up and wait until all of it is ready; false if it was up already.

    What a start that was killed left half done is completed.

    Raises:
        Misconfigured: a setting is wrong, or something needed is not to be had.
        Conflict: a port that was given is taken, or another start or stop is at work.
        Unavailable: a part did not become ready; nothing is left running.
    """
    settings = load(StackSettings, env)
    folder = StackFolder.of(settings.folder)
    with DataDir.held(folder.path) as held:
        supervisor = Supervisor(folder)
        known = folder.announced()
        if known is not None and supervisor.pid() is not None:
            ran = _all_run(known, supervisor)
            await _completed(settings, folder, supervisor, known)  # a start may have been killed
            return known, not ran
        await _stopped(folder, supervisor)  # whatever an earlier run left
        folder.make()
        token = settings.api_token.value if settings.api_token is not None else held.token()
        try:
            return await _started(settings, folder, supervisor, env, token), True
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _stopped(folder, supervisor)
            raise


async def down(env: Mapping[str, str]) -> bool:
    """Stop everything, each with its time to drain; false when nothing ran. The data stays.

    Raises:
        Conflict: another start or stop is at work.
    """
    folder = StackFolder.of(load(StackSettings, env).folder)
    if not folder.path.exists():
        return False
    with DataDir.held(folder.path):
        return await _stopped(folder, Supervisor(folder))


async def status(env: Mapping[str, str]) -> dict[str, Any]:
    """Where everything answers, and which service runs as which process.

    Raises:
        NotFound: no stack runs from the folder.
    """
    folder = StackFolder.of(load(StackSettings, env).folder)
    endpoints = folder.announced()
    if endpoints is None:
        raise NotFound(f"no stack runs from {folder.path}")
    try:
        running = {each.name: each.pid for each in Supervisor(folder).running()}
    except Unavailable as error:
        raise NotFound(f"no stack runs from {folder.path}: {error.detail}") from error
    ready: dict[str, bool] = {}

    async def ask(name: str, url: str) -> None:
        ready[name] = running.get(name) is not None and await is_ready(url)

    async with anyio.create_task_group() as asking:
        for name, url in endpoints.services.items():
            asking.start_soon(ask, name, url)
    services = {
        name: {"pid": running.get(name), "url": url, "ready": ready[name]}
        for name, url in endpoints.services.items()
    }
    return asdict(endpoints) | {"services": services}


async def _started(
    settings: StackSettings,
    folder: StackFolder,
    supervisor: Supervisor,
    env: Mapping[str, str],
    token: str,
) -> Endpoints:
    taken = ports.chosen(servers.wanted_ports(settings))
    endpoints, ours = await servers.prepared(settings, folder, env, taken)
    services = programs.service_programs(folder, env, endpoints, token)
    for program in (*ours, *services):
        program.write(folder)
    write_private(folder.supervisor_config, configuration(folder, [*ours, *services]))
    folder.announce(endpoints)
    await anyio.to_thread.run_sync(supervisor.start)
    await _completed(settings, folder, supervisor, endpoints)
    return endpoints


async def _completed(
    settings: StackSettings, folder: StackFolder, supervisor: Supervisor, endpoints: Endpoints
) -> None:
    """All that comes after the servers were told to start; done again it changes nothing."""
    within_s = settings.ready_seconds
    await until_ready(server_probes(endpoints), supervisor, folder, within_s=within_s)
    await kafka.provide_topics(endpoints.kafka, partitions=settings.kafka_partitions)
    await anyio.to_thread.run_sync(supervisor.start_services)
    await until_ready(service_probes(endpoints), supervisor, folder, within_s=within_s)


def _all_run(endpoints: Endpoints, supervisor: Supervisor) -> bool:
    running = {each.name for each in supervisor.running() if each.pid is not None}
    return running >= endpoints.services.keys()


async def _stopped(folder: StackFolder, supervisor: Supervisor) -> bool:
    pid = await anyio.to_thread.run_sync(supervisor.pid)
    if pid is not None and (manager := _process(pid)) is not None:
        await anyio.to_thread.run_sync(supervisor.shut_down)
        with anyio.move_on_after(DOWN_WITHIN_S):
            while _runs(manager):  # noqa: ASYNC110 - the end of a stranger's child is not told
                await anyio.sleep(_LOOK_S)
    await _cleared(folder)
    return pid is not None


async def _cleared(folder: StackFolder) -> None:
    """End what still runs for the folder, and remove what only a running stack needs."""
    if not folder.path.exists():
        return
    left = await anyio.to_thread.run_sync(lambda: list(_leftovers(folder)))
    for process in left:
        process.terminate()
    _, stubborn = await anyio.to_thread.run_sync(psutil.wait_procs, left, _INSIST_S)
    for process in stubborn:
        process.kill()
    await anyio.to_thread.run_sync(psutil.wait_procs, stubborn, _INSIST_S)
    folder.endpoints_file.unlink(missing_ok=True)
    shutil.rmtree(folder.programs, ignore_errors=True)
    (folder.sockets / "control").unlink(missing_ok=True)
    abandon(folder.sockets)
    if (folder.path / "postgres").exists():
        postgres.forget_sockets(folder.path)


def _leftovers(folder: StackFolder) -> Iterator[psutil.Process]:
    """What a process manager that was killed left behind; on Linux there is nothing."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(programs.MARK) == str(folder.path):
                yield process
        except (psutil.Error, OSError):
            continue


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
