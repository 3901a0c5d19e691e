"""supervisord over the programs of a stack: its configuration, and what it is asked and told."""

import http.client
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from scripts.stack.folder import StackFolder
from scripts.stack.programs import SERVERS, SERVICES, Program
from sfm_core.errors import Misconfigured, Unavailable

_CONTROL: Final = "control"
_TIED: Final = Path(__file__).with_name("tied.py")
_PRIORITIES: Final = {SERVERS: 10, SERVICES: 20}
"""What is started last is stopped first."""
_FOR_EVER: Final = 1_000_000
_RPC: Final = {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}


@dataclass(frozen=True, slots=True)
class Running:
    """A program as the process manager sees it."""

    name: str
    pid: int | None
    """None while it does not run."""
    state: str
    said: str
    """Why it does not run, in a few words; may be empty."""


def configuration(folder: StackFolder, programs: Sequence[Program]) -> str:
    """The text of supervisord's configuration; the programs' own files are written already.

    A program that ends is started again: at once after a life, with growing pauses when it does
    not come up. The services wait to be told.
    """
    parts = [
        _section(
            "supervisord",
            logfile=_relative(folder, folder.log("supervisor")),
            logfile_maxbytes="5MB",
            logfile_backups=1,
            pidfile=_relative(folder, folder.programs / "supervisord.pid"),
            childlogdir=_relative(folder, folder.logs),
            **({"user": "root"} if os.geteuid() == 0 else {}),
        ),
        _section(
            "unix_http_server", file=_relative(folder, folder.sockets / _CONTROL), chmod="0600"
        ),
        _section("rpcinterface:supervisor", **_RPC),
    ]
    for group, priority in _PRIORITIES.items():
        names = ",".join(program.name for program in programs if program.group == group)
        if names:
            parts.append(_section(f"group:{group}", programs=names, priority=priority))
    parts += [_program(folder, program) for program in programs]
    return "\n".join(parts)


def _program(folder: StackFolder, program: Program) -> str:
    spec = _relative(folder, folder.programs / f"{program.name}.json")
    command = [sys.executable, "-I", "-S", str(_TIED), str(spec)]
    return _section(
        f"program:{program.name}",
        command=shlex.join(command),
        autostart=str(program.group == SERVERS).lower(),
        autorestart="true",
        startsecs=program.lives_after_s,
        startretries=_FOR_EVER,
        stopsignal=program.stop_signal.name.removeprefix("SIG"),
        stopwaitsecs=program.stop_within_s,
        redirect_stderr="true",
        stdout_logfile=_relative(folder, folder.log(program.name)),
        stdout_logfile_maxbytes="20MB",
        stdout_logfile_backups=1,
    )


def _relative(folder: StackFolder, path: Path) -> Path:
    """As seen from the folder, where supervisord runs: it expands some options twice, so that
    a `%` in the folder's own name cannot be written.
    """
    return path.relative_to(folder.path) if path.is_relative_to(folder.path) else path


def _section(title: str, /, **options: object) -> str:
    lines = (f"{name}={str(value).replace('%', '%%')}" for name, value in options.items())
    return "\n".join([f"[{title}]", *lines, ""])


@final
class Supervisor:
    """The process manager of one stack folder. Every call blocks, for milliseconds."""

    def __init__(self, folder: StackFolder) -> None:
        self._folder = folder

    def start(self) -> None:
        """Start it, in the background and for good, with the servers; `Misconfigured` if not."""
        done = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", self._folder.supervisor_config],
            cwd=self._folder.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Misconfigured(f"supervisord: {(done.stderr or done.stdout).strip()}")

    def pid(self) -> int | None:
        """Its process; None when none runs."""
        try:
            return int(self._ask("getPID"))
        except Unavailable:
            return None

    def running(self) -> list[Running]:
        """Every program.

        Raises:
            Unavailable: no process manager answers.
        """
        return [
            Running(
                name=each["name"],
                pid=each["pid"] or None,
                state=each["statename"],
                said=each["spawnerr"] or each["description"],
            )
            for each in self._ask("getAllProcessInfo")
        ]

    def start_services(self) -> None:
        self._ask("startProcessGroup", SERVICES, False)

    def stop(self, group: str, program: str) -> None:
        """Stop one program and keep it down; returns when it is gone."""
        self._ask("stopProcess", f"{group}:{program}")

    def start_again(self, group: str, program: str) -> None:
        """Undo `stop`; returns when it runs, which is not yet ready."""
        self._ask("startProcess", f"{group}:{program}")

    def shut_down(self) -> None:
        """Tell it to stop the services, then the servers, then itself."""
        self._ask("shutdown")

    def _ask(self, method: str, *arguments: object) -> Any:  # noqa: ANN401 - XML-RPC has no types
        path = self._folder.sockets / _CONTROL
        transport = SupervisorTransport(None, None, f"unix://{path}")
        proxy = ServerProxy("http://localhost", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, Fault) as error:
            raise Unavailable(f"the process manager does not answer: {error}") from error
        finally:
            transport.close()
