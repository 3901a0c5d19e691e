"""The PostgreSQL of a stack: standalone's own cluster, listening on TCP with a password.

`python -m scripts.stack.postgres FOLDER PORT` becomes the server over a cluster that `provide`
made.
"""

import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Final

import anyio
import asyncpg

from scripts.stack.folder import write_private
from scripts.stack.ports import HOST
from sfm_core.adapters.postgres.migrate import migrate
from sfm_standalone.cluster import prepared, server_environment
from sfm_standalone.postgres import DATABASE, ROLE, SETTINGS, EmbeddedPostgres
from sfm_standalone.socket_folder import abandon, socket_folder

_ACCESS: Final = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
"""The socket lies in a folder that only this user enters; the port is for everybody here."""


async def provide(folder: Path) -> str:
    """The cluster under `folder`, with role, database and schema; the role's password.

    Both are kept: another start finds the data, and the same password. No server is left running.

    Raises:
        Misconfigured: as `EmbeddedPostgres.open` and `migrate`.
        Unavailable: the server does not start.
    """
    password = await anyio.to_thread.run_sync(_kept_password, folder / "postgres.password")
    async with EmbeddedPostgres.open(folder) as server:
        connection = await asyncpg.connect(server.admin_dsn)
        try:
            await connection.execute(f"ALTER ROLE {ROLE} PASSWORD '{password}'")
            access = Path(await connection.fetchval("SHOW hba_file"))
        finally:
            await connection.close()
        await migrate(server.dsn)
    await anyio.Path(access).write_text(_ACCESS)  # in place: it keeps its owner
    return password


def dsn(port: int, password: str) -> str:
    return f"postgresql://{ROLE}:{password}@{HOST}:{port}/{DATABASE}?sslmode=disable"


def forget_sockets(folder: Path) -> None:
    """Remove the folder of its socket; the server is gone."""
    abandon(socket_folder(folder / "postgres"))


def become(folder: Path, port: int) -> None:
    """Never returns: is the server, or raises what stood in the way.

    What a killed server left is stopped first, so that a restart finds the cluster free.
    """
    cluster = prepared(folder / "postgres")
    settings = SETTINGS | {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": f'"{socket_folder(folder / "postgres")}"',
        "max_connections": "200",
    }
    program = [str(cluster.binaries / "postgres"), "-D", str(cluster.data)]
    for name, value in settings.items():
        program += ["-c", f"{name}={value}"]
    command = cluster.identity.command(program, on_parent_death=signal.SIGINT, parent=os.getppid())
    os.chdir(cluster.data)
    os.execve(command[0], command, server_environment())  # noqa: S606


def _kept_password(file: Path) -> str:
    if file.exists():
        return file.read_text("utf-8").strip()
    made = secrets.token_urlsafe(24)
    write_private(file, made + "\n")
    return made


if __name__ == "__main__":
    become(Path(sys.argv[1]), int(sys.argv[2]))
