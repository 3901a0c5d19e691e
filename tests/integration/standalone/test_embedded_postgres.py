"""The embedded PostgreSQL: made, found again, restarted, stopped, and left-overs of it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import anyio
import asyncpg
import psutil
import pytest

from sfm_core.errors import Misconfigured
from sfm_standalone.postgres import EmbeddedPostgres
from sfm_standalone.socket_folder import socket_folder

pytestmark = pytest.mark.integration


async def _value(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=2)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _execute(dsn: str, statement: str) -> None:
    await _value(dsn, statement)


async def _once_it_answers(dsn: str, statement: str) -> object:
    """Recovery takes as long as the disk takes: ask now and then, for half a minute at most."""
    with anyio.fail_after(30):
        while True:
            try:
                return await _value(dsn, statement)
            except (OSError, asyncpg.PostgresError):
                await anyio.sleep(0.02)


def _servers_in(data_dir: Path) -> list[psutil.Process]:
    where = str((data_dir / "postgres" / "cluster").resolve())
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "postgres" and process.info["cwd"] == where
    ]


async def test_the_role_is_no_superuser_and_owns_its_database(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _value(pg.dsn, "SELECT current_user || '@' || current_database()") == "sfm@sfm"
        assert (
            await _value(
                pg.dsn,
                "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles"
                " WHERE rolname = current_user",
            )
            is False
        )
        await _execute(pg.dsn, "CREATE TABLE mine (id int)")


async def test_row_level_security_holds_for_the_role(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        await _execute(pg.dsn, "CREATE TABLE t AS SELECT 1 AS id")
        await _execute(pg.dsn, "ALTER TABLE t ENABLE ROW LEVEL SECURITY")
        await _execute(pg.dsn, "ALTER TABLE t FORCE ROW LEVEL SECURITY")
        assert await _value(pg.dsn, "SELECT count(*) FROM t") == 0


async def test_trigrams_know_letters_beyond_ascii(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _value(pg.dsn, "SELECT word_similarity('ЧАЙ', 'чай в четыре')") == 1.0


async def test_durability_is_on_and_tcp_is_off(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }.items():
            assert await _value(pg.dsn, f"SELECT current_setting('{name}')") == value, name


async def test_a_second_start_finds_everything_under_the_same_dsn(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        await _execute(pg.dsn, "CREATE TABLE kept AS SELECT 7 AS id")
        first = pg.dsn
    assert _servers_in(tmp_path) == []
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert pg.dsn == first
        assert await _value(pg.dsn, "SELECT id FROM kept") == 7


async def test_a_killed_server_is_started_again_with_what_was_committed(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path) as pg:
        await _execute(pg.dsn, "CREATE TABLE kept (id serial)")
        for round_ in range(3):
            await _execute(pg.dsn, "INSERT INTO kept DEFAULT VALUES")
            assert pg.pid is not None
            os.kill(pg.pid, signal.SIGKILL)
            found = await _once_it_answers(pg.dsn, "SELECT count(*) FROM kept")
            assert found == round_ + 1


async def test_an_error_inside_comes_out_as_itself_and_the_server_is_gone(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with EmbeddedPostgres.open(tmp_path):
            raise KeyError("mine")
    assert _servers_in(tmp_path) == []


async def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    async with EmbeddedPostgres.open(deep) as pg:
        elsewhere = socket_folder(deep / "postgres")
        assert quote(str(elsewhere), safe="") in pg.dsn
        assert await _value(pg.dsn, "SELECT 1") == 1
    assert not await anyio.Path(elsewhere).exists()


async def test_a_cluster_half_made_by_a_killed_run_is_made_anew(tmp_path: Path) -> None:
    abandoned = tmp_path / "postgres" / "cluster.0a1b2c3d"
    abandoned.mkdir(parents=True)
    (abandoned / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert await _value(pg.dsn, "SELECT 1") == 1
    assert not abandoned.exists()


async def test_a_cluster_of_another_major_version_is_refused_in_words(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("13\n")
    with pytest.raises(Misconfigured, match="made by PostgreSQL 13, these binaries are 18"):
        async with EmbeddedPostgres.open(tmp_path):
            pass


async def test_a_strangers_pid_in_the_pid_file_does_not_keep_the_server_down(
    tmp_path: Path,
) -> None:
    """After `kill -9` of everything, the old number may be anybody's: here, a sleeping stranger."""
    async with EmbeddedPostgres.open(tmp_path):
        old = (tmp_path / "postgres" / "cluster" / "postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lines = old.splitlines(keepends=True)
        (tmp_path / "postgres" / "cluster" / "postmaster.pid").write_text(
            "".join([f"{stranger.pid}\n", *lines[1:]])
        )
        async with EmbeddedPostgres.open(tmp_path) as pg:
            assert await _value(pg.dsn, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


ORPHAN_MAKER = """
import sys, anyio
from pathlib import Path
from urllib.parse import quote
from sfm_standalone.postgres import EmbeddedPostgres
from sfm_standalone.socket_folder import socket_folder

async def main():
    async with EmbeddedPostgres.open(Path(sys.argv[1])) as pg:
        print(pg.pid, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def _start_owner(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    owner = subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER, str(data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    return owner, int(owner.stdout.readline())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_server_of_a_killed_owner_ends_by_itself(tmp_path: Path) -> None:
    owner, server = _start_owner(tmp_path)
    process = psutil.Process(server)
    with owner:
        owner.kill()
    assert psutil.wait_procs([process], timeout=30)[1] == []


async def test_a_server_that_outlived_its_owner_is_stopped_and_its_data_found(
    tmp_path: Path,
) -> None:
    owner, server = await anyio.to_thread.run_sync(_start_owner, tmp_path)
    process = psutil.Process(server)
    process.suspend()  # it cannot hear that its owner is gone
    with owner:
        owner.kill()
    assert process.is_running()
    process.resume()
    async with EmbeddedPostgres.open(tmp_path) as pg:
        assert pg.pid != server
        assert await _value(pg.dsn, "SELECT 1") == 1


async def test_the_socket_is_for_this_user_alone(tmp_path: Path) -> None:
    async with EmbeddedPostgres.open(tmp_path):
        folder = tmp_path / "postgres"
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "run").stat().st_mode & 0o077 == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "run" / ".s.PGSQL.5432"))


async def test_each_fresh_database_is_a_new_one(fresh_database: str, empty_database: str) -> None:
    assert fresh_database != empty_database
    await _execute(empty_database, "CREATE TABLE t (id int)")
