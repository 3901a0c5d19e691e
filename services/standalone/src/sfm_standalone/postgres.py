"""The embedded PostgreSQL: a child process that is there for as long as we are.

Its data survives anything that a PostgreSQL's data survives: `fsync` and `synchronous_commit`
are on. It listens on a Unix socket that only this user reaches, never on TCP.
"""

import logging
import signal
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final, final
from urllib.parse import quote

import anyio
import asyncpg
from anyio.abc import Process

from sfm_core.errors import Unavailable
from sfm_standalone.cluster import (
    SUPERUSER,
    Cluster,
    last_words,
    prepared,
    says_ready,
    server_environment,
    stop_leftovers,
)
from sfm_standalone.socket_folder import abandon, socket_folder

log = logging.getLogger(__name__)

ROLE: Final = "sfm"
DATABASE: Final = "sfm"
_READY_WITHIN_S = 120.0
_LOG_MAX_BYTES = 10 * 2**20
_LONGEST_PAUSE_S = 2.0
_LIVED_LONG_S = 1.0
_NO_ANSWER = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)

SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "max_connections": "100",
    # one machine, few cores, short queries: worker processes cost more than they give
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # a refused statement is its client's business, and its text may hold a memory's
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


@final
class EmbeddedPostgres:
    """A running server; `dsn` stays the same for as long as it is open, over restarts too."""

    def __init__(self, cluster: Cluster, sockets: Path, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._cluster = cluster
        self._sockets = sockets
        self._process: Process | None = None
        self.restarts = 0
        """How often the server was found dead and started again."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, data_dir: Path, *, settings: Mapping[str, str] | None = None
    ) -> AsyncGenerator["EmbeddedPostgres"]:
        """The server over `<data_dir>/postgres`, made at the first use, ready for connections.

        The caller holds the lock of the data directory. A server that dies is started again at
        once, then with growing pauses. Leaving stops it cleanly, and does not return before it
        is gone. If this process is killed, Linux tells the server to stop; one that is left
        over all the same is found and stopped by the next `open`. `settings` go over `SETTINGS`.

        Raises:
            Misconfigured: the folder, the binaries or the user will not do (`cluster.prepared`).
            Unavailable: the server does not start; the end of its log is in the message.
        """
        folder = data_dir / "postgres"
        cluster = await anyio.to_thread.run_sync(prepared, folder)
        sockets = await anyio.to_thread.run_sync(socket_folder, folder)
        server = cls(cluster, sockets, SETTINGS | dict(settings or {}))
        try:
            await server._start()
            await server._provide_database()
            async with anyio.create_task_group() as keeping:
                keeping.start_soon(server._keep_alive)
                yield server
                keeping.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # the body's own error: the task group is our affair
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await server._stop()
                await anyio.to_thread.run_sync(abandon, sockets)

    @property
    def dsn(self) -> str:
        """For the role `sfm`, which owns the database `sfm` and is no superuser."""
        return self._dsn(ROLE, DATABASE)

    @property
    def admin_dsn(self) -> str:
        """For the superuser: to make databases in tests, or to look into a sick server."""
        return self._dsn(SUPERUSER, "postgres")

    @property
    def pid(self) -> int | None:
        """The main process of the server; none between death and restart."""
        return None if self._process is None else self._process.pid

    def _dsn(self, role: str, database: str) -> str:
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{role}@/{database}?host={host}&sslmode=disable"

    async def _keep_alive(self) -> None:
        pause_s = 0.0
        while True:
            if self._process is not None:
                started = anyio.current_time()
                code = await self._process.wait()
                self._process = None
                lived_s = anyio.current_time() - started
                pause_s = 0.0 if lived_s > _LIVED_LONG_S else pause_s
                log.error("postgres.died", extra={"exit_code": code, "lived_s": round(lived_s, 1)})
            await anyio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s or 0.1)
            try:
                await anyio.to_thread.run_sync(stop_leftovers, self._cluster)
                await self._start()
            except (Unavailable, OSError) as error:
                log.error("postgres.not_restarted", extra={"reason": str(error)})  # noqa: TRY400
                await self._stop()
            else:
                self.restarts += 1
                log.warning("postgres.restarted", extra={"restarts": self.restarts})

    async def _start(self) -> None:
        """Start the server and wait until it answers (crash recovery included)."""
        cluster = self._cluster
        program = [str(cluster.binaries / "postgres"), "-D", str(cluster.data)]
        sockets = {"unix_socket_directories": f'"{self._sockets}"'}
        for name, value in (sockets | dict(self._settings)).items():
            program += ["-c", f"{name}={value}"]
        with await anyio.to_thread.run_sync(_open_log, cluster.log) as output:
            self._process = await anyio.open_process(
                cluster.identity.command(program, on_parent_death=signal.SIGINT),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cluster.data,
                env=server_environment(),
            )
        with anyio.move_on_after(_READY_WITHIN_S):
            while self._process.returncode is None:
                if await self._answers():
                    return
                await anyio.sleep(0.02)
        said = await anyio.to_thread.run_sync(last_words, cluster.log)
        raise Unavailable(f"PostgreSQL did not start: {said} (all of it in {cluster.log})")

    async def _answers(self) -> bool:
        if not await anyio.to_thread.run_sync(says_ready, self._cluster.data):
            return False
        try:
            connection = await asyncpg.connect(self.admin_dsn, timeout=10)
        except _NO_ANSWER:
            return False
        await connection.close()
        return True

    async def _provide_database(self) -> None:
        """Make the role, the database and the extension, each where it is not there yet."""
        connection = await asyncpg.connect(self.admin_dsn, timeout=10)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
                await connection.execute(
                    f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS"
                )
            if not await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            ):
                await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        finally:
            await connection.close()
        connection = await asyncpg.connect(self._dsn(SUPERUSER, DATABASE), timeout=10)
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        finally:
            await connection.close()

    async def _stop(self) -> None:
        """Ask the server to stop (open transactions are rolled back), then insist."""
        process = self._process
        if process is None:
            return
        for number, wait_s in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if process.returncode is None:
                process.send_signal(number)
            with anyio.move_on_after(wait_s):
                await process.wait()
                self._process = None
                return


def _open_log(path: Path) -> IO[bytes]:
    """The log opened for appending; a long one is put aside first."""
    if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
