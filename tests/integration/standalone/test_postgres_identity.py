"""Whoever we are, PostgreSQL runs as somebody it accepts, and its data is found again."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import asyncpg
import psutil
import pytest

from sfm_standalone import identity
from sfm_standalone.identity import Identity, Plan, identity_for
from sfm_standalone.postgres import EmbeddedPostgres

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
]

OPEN_AND_SAY_WHO = """
import sys, anyio, asyncpg, os
from pathlib import Path
from sfm_standalone.identity import identity_for
from sfm_standalone.postgres import EmbeddedPostgres

async def main():
    data = Path(sys.argv[1])
    async with EmbeddedPostgres.open(data) as pg:
        connection = await asyncpg.connect(pg.dsn, timeout=5)
        print(os.geteuid(), identity_for(data).plan, await connection.fetchval("SELECT 1"))
        await connection.close()

anyio.run(main)
"""


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_works", lambda _: False)


async def _answers(pg: EmbeddedPostgres) -> bool:
    connection = await asyncpg.connect(pg.dsn, timeout=5)
    try:
        return bool(await connection.fetchval("SELECT 1 = 1"))
    finally:
        await connection.close()


@pytest.mark.usefixtures("no_namespaces")
async def test_root_without_namespaces_runs_it_as_an_ordinary_user(tmp_path: Path) -> None:
    """Also below a folder that only root may enter, with binaries that may lie in such a one."""
    assert stat.S_IMODE(os.lstat(tmp_path).st_mode) == 0o700
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _answers(pg)
        assert pg.pid is not None
        server = psutil.Process(pg.pid)
        assert 0 not in (*server.uids(), *server.gids())
        assert (tmp_path / "postgres" / "cluster").stat().st_uid == server.uids().effective
        assert (tmp_path / "postgres").stat().st_uid == 0
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _answers(pg)


@pytest.mark.usefixtures("no_namespaces")
async def test_of_roots_powers_it_keeps_only_that_of_reaching_files(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        status = await anyio.Path(f"/proc/{pg.pid}/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    dac_override, dac_read_search = 1 << 1, 1 << 2
    assert int(effective.split()[1], 16) & ~(dac_override | dac_read_search) == 0


async def test_a_cluster_of_an_ordinary_user_stays_that_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(identity, "_works", lambda _: False)
        async with EmbeddedPostgres.open(tmp_path) as pg:
            assert await _answers(pg)
    assert identity_for(tmp_path / "postgres" / "cluster").plan is Plan.DROP
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _answers(pg)


async def test_a_cluster_of_roots_is_handed_over_where_namespaces_went_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if identity_for(tmp_path / "postgres" / "cluster").plan is not Plan.NAMESPACE:
        pytest.skip("no user namespaces here")
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _answers(pg)
    monkeypatch.setattr(identity, "_works", lambda _: False)
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _answers(pg)


def test_an_ordinary_user_runs_it_as_themselves(tmp_path: Path) -> None:
    """An ordinary user is had by being one in a user namespace."""
    ordinary = identity_for(tmp_path / "postgres" / "cluster")
    if ordinary.plan is not Plan.NAMESPACE:
        pytest.skip("no user namespaces here")
    said = subprocess.run(
        Identity(Plan.NAMESPACE, ordinary.uid, ordinary.gid).command(
            [sys.executable, "-c", OPEN_AND_SAY_WHO, str(tmp_path)],
            on_parent_death=signal.SIGKILL,
        ),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.stdout.split() == [str(ordinary.uid), "same", "1"], said.stderr
