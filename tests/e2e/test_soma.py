"""`soma` as processes of its own, against a server, beside one, and without any."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sfm_standalone.data_dir import served_from
from tests.servers.standalone import QUICK, Standalone, standalone

pytestmark = pytest.mark.e2e

SOMA = (sys.executable, "-m", "sfm_cli")
_VARYING = re.compile(r'"(took_ms|request_id)":("[^"]*"|[0-9.e-]+)')


class Soma:
    """Command lines with one environment."""

    def __init__(self, **env: str) -> None:
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SFM_", "SOMA_", "POSTGRES_"))
        }
        self.env = {**ours, **env}

    def __call__(self, *args: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*SOMA, *args],
            env=self.env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def json(self, *args: str) -> Any:
        done = self(*args, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *args: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*SOMA, *args],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("soma") / "data") as running:
        running.start()
        yield running


@pytest.fixture
def remote(server: Standalone) -> Soma:
    return Soma(SOMA_URL=server.url, SOMA_API_TOKEN=server.token)


def local(data_dir: Path) -> Soma:
    return Soma(SFM_DATA_DIR=str(data_dir), **QUICK)


READS = (
    ["get", "-1,2.5", "--json"],
    ["list", "--json"],
    ["list", "--all", "--limit", "1", "--json"],
    ["list", "--filter", '{"@source": "Ada"}', "--json"],
    [
        "recall",
        "who drinks tea?",
        "--explain",
        "--include",
        "payload",
        "--include",
        "text",
        "--json",
    ],
    ["recall", "tea", "--mode", "keyword", "-k", "1", "--json"],
    ["get", "9", "--json"],
    ["get", "3", "--version", "1", "--json"],
    ["history", "3", "--limit", "3"],
    ["restore", "3", "3", "--json"],
    ["delete-many", "--filter", "{}", "--json"],
    ["get", "1,x", "--json"],
    ["recall", "tea", "-k", "201", "--json"],
    ["list", "--limit", "0", "--json"],
    ["delete", "9", "--json"],
    ["get", "-1,2.5"],
    ["list"],
    ["recall", "tea", "--explain"],
    ["get", "9"],
)


def test_local_and_remote_give_the_same_output_byte_for_byte(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    alone = local(data_dir)
    writes = [
        ("store", "-1,2.5", "Ada drinks green tea", "--source", "Ada", "--tag", "tea", "--json"),
        ("remember", '{"said": "The kettle is broken"}', "--kind", "semantic", "--json"),
        ("store", "-1,2.5", "no", "--if-absent", "--json"),
        ("store", "3", "x", "--idempotency-key", "k", "--json"),
        ("patch", "3", '{"text": "y"}', "--pinned", "--idempotency-key", "p", "--json"),
        ("delete-many", "3", "99", "--idempotency-key", "d", "--json"),
        ("restore", "3", "2", "--idempotency-key", "r", "--json"),
    ]
    stored = [_shown(alone(*args)) for args in writes]
    assert [code for code, _, _ in stored] == [0, 0, 7, 0, 0, 0, 0]
    told = [_shown(alone(*args)) for args in READS]
    with standalone(data_dir) as running:
        running.start()
        far = Soma(SOMA_URL=running.url, SOMA_API_TOKEN=running.token)
        assert [_shown(far(*args)) for args in READS] == told
        assert {code for code, _, _ in told} == {0, 3, 4}
        # the receipt of the key is known there too; a condition fails alike
        replayed = [_shown(far(*args)) for args in writes[2:]]
        assert replayed == stored[2:]
        running.stop()
    with standalone(tmp_path / "other") as fresh:
        fresh.start()
        far = Soma(SOMA_URL=fresh.url, SOMA_API_TOKEN=fresh.token)
        assert [_shown(far(*args)) for args in writes] == stored


def _shown(done: "subprocess.CompletedProcess[str]") -> tuple[int, str, str]:
    """What a command did, but for what differs between any two calls."""
    return done.returncode, _VARYING.sub("", done.stdout), _VARYING.sub("", done.stderr)


def test_a_command_beside_a_running_server_goes_through_it(server: Standalone) -> None:
    beside = local(server.data_dir)
    stored = beside.json("store", "100", "through the server", "-n", "beside")
    with server.client() as client:
        found = client.get("/v1/beside/memories/100").json()
    assert found["version"] == stored["version"] == 1
    assert beside.json("recall", "server", "-n", "beside")["hits"][0]["coordinate"] == [100]
    assert beside.json("stats", "-n", "beside")["slab"]["loaded"]


def test_commands_without_a_server_take_turns_in_one_data_directory(tmp_path: Path) -> None:
    alone = local(tmp_path / "data")
    running = [alone.start("store", str(n), f"memory {n}") for n in range(4)]
    ended = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 4, ended
    assert len(alone.json("list")["memories"]) == 4


def test_migrate_keeps_off_a_directory_that_a_server_holds(
    server: Standalone, tmp_path: Path
) -> None:
    refused = local(server.data_dir)("migrate")
    assert refused.returncode == 5
    assert f"is in use by process {served_pid(server)} at {server.url}" in refused.stderr
    first, again = (local(tmp_path / "data")("migrate", "--json") for _ in range(2))
    assert len(json.loads(first.stdout)["applied"]) >= 1
    assert json.loads(again.stdout) == {"applied": []}


def served_pid(server: Standalone) -> int:
    served = served_from(server.data_dir)
    assert served is not None
    return served.pid


def test_migrate_prepares_a_given_database_and_a_read_does_not(empty_database: str) -> None:
    given = Soma(POSTGRES_URL=empty_database, SFM_EMBEDDER="hash")
    unprepared = given("list")
    assert unprepared.returncode == 8, unprepared.stderr
    assert given("migrate").returncode == 0
    assert given.json("list")["memories"] == []
    assert empty_database not in unprepared.stderr


def test_what_a_server_refuses_ends_with_the_code_for_it(remote: Soma, server: Standalone) -> None:
    wrong = Soma(SOMA_URL=server.url, SOMA_API_TOKEN="not-the-token-at-all")
    assert wrong("get", "1").returncode == 6
    assert Soma(SOMA_URL=server.url)("get", "1").returncode == 6
    assert Soma(SOMA_URL="http://127.0.0.1:9")("get", "1").returncode == 5
    assert remote("store", "1", "x", "--if-version", "9", "-n", "codes").returncode == 7
    assert remote("get", "1", "-n", "codes").returncode == 3


def test_the_token_may_come_from_the_line_the_environment_or_a_file(server: Standalone) -> None:
    file = str(server.data_dir / "token")
    assert Soma()("stats", "--url", server.url, "--token", server.token).returncode == 0
    assert Soma(SOMA_API_TOKEN_FILE=file)("stats", "--url", server.url).returncode == 0


def test_a_bulk_that_was_killed_goes_on_where_it_was(remote: Soma, tmp_path: Path) -> None:
    lines = [
        json.dumps({"payload": {"text": f"memory {n}"}} | ({"coordinate": [n, 0]} if n % 2 else {}))
        for n in range(1700)
    ]
    file = tmp_path / "all.ndjson"
    file.write_text("\n".join(lines) + "\n")
    running = remote.start("store-bulk", "-", "-n", "bulk")
    assert running.stdin is not None
    running.stdin.write("\n".join(lines[:1300]).encode() + b"\n")
    running.stdin.flush()
    while _total(remote) < 1000:
        assert running.poll() is None
    running.kill()
    running.communicate()
    done = remote("store-bulk", str(file), "-n", "bulk")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "1700 of 1700 lines stored (1700 new, 0 over or known already,"
        " 1000 of them by an earlier run)\n"
    )
    pages = remote("list", "--all", "--limit", "1000", "-n", "bulk", "--json").stdout.splitlines()
    versions = [memory["version"] for page in pages for memory in json.loads(page)["memories"]]
    assert versions == [1] * 1700


def _total(remote: Soma) -> int:
    total: int = remote.json("stats", "-n", "bulk")["total"]
    return total


def test_a_bulk_begun_alone_goes_on_through_a_server(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    file = tmp_path / "some.ndjson"
    file.write_text(
        "".join(f'{{"payload": {{"n": {n}}}, "coordinate": [{n}]}}\n' for n in range(9))
    )
    assert local(data_dir)("store-bulk", str(file)).returncode == 0
    with standalone(data_dir) as running:
        running.start()
        done = local(data_dir)("store-bulk", str(file))
        assert "9 of them by an earlier run" in done.stdout
        assert local(data_dir).json("get", "8")["version"] == 1


def test_ctrl_c_stops_cleanly_with_130_and_leaves_nothing_running(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    alone = local(data_dir)
    running = alone.start("store-bulk", "-")
    assert running.stdin is not None
    running.stdin.write(b'{"payload": {"text": "never sent: its batch is not full"}}\n')
    running.stdin.flush()
    postmaster = data_dir / "postgres" / "cluster" / "postmaster.pid"
    while not (postmaster.exists() and "ready" in postmaster.read_text()):
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert b"Traceback" not in said
    assert not postmaster.exists()
    assert alone("stats").returncode == 0


def test_a_reader_that_goes_away_is_no_drama(remote: Soma) -> None:
    remote("store-bulk", "-", "-n", "pipe", stdin='{"payload": {"text": "x"}}\n')
    for args in (["list", "-n", "pipe"], ["list", "-n", "pipe", "--json"]):
        running = remote.start(*args)
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
        assert (running.wait(30), said) == (141, b"")
        running.stderr.close()
        if running.stdin is not None:
            running.stdin.close()


def test_soma_serve_serves_and_the_next_terminal_just_works(tmp_path: Path) -> None:
    place = Standalone(tmp_path / "data")
    soma = Soma(**{k: v for k, v in place.environment().items() if k.startswith(("SFM_", "SOMA_"))})
    serving = soma.start("serve")
    assert serving.stdout is not None
    said = b""
    while b"Ctrl-C" not in said:
        line = serving.stdout.readline()
        assert line, serving.communicate()
        said += line
    assert soma.json("remember", "it just works")["created"]
    assert soma.json("recall", "works")["hits"][0]["payload"] == {"text": "it just works"}
    second = soma("serve")
    assert second.returncode == 1
    assert f"in use by process {serving.pid}" in second.stderr
    serving.send_signal(signal.SIGINT)
    serving.communicate(timeout=60)
    assert serving.returncode == 0


def test_an_export_and_an_import_are_the_same_here_and_there(remote: Soma, tmp_path: Path) -> None:
    """Through a server, in this process, and back; also with more lines than one batch has."""
    file, other = tmp_path / "notes.ndjson", tmp_path / "other.ndjson"
    file.write_text(
        "".join(f'{{"coordinate":[{i},7],"payload":{{"n":{i}}}}}\n' for i in range(1200))
    )
    here = local(tmp_path / "data")
    told = [soma("import", str(file), "-n", "moved", "--json") for soma in (remote, here)]
    assert [done.returncode for done in told] == [0, 0], told[1].stderr
    unplaced = [re.sub(r'"position":\d+', "", done.stdout) for done in told]
    assert unplaced[0] == unplaced[1]
    assert told[0].stdout.count('"outcome":"created"') == 1200
    assert remote("export", str(other), "-n", "moved", "--vectors").returncode == 0
    again = here("import", str(other), "-n", "again")
    assert (again.returncode, again.stdout) == (0, "imported up to line 1202: 1200 created\n")
    exports = [
        soma("export", "-n", name, "--vectors").stdout
        for soma, name in ((remote, "moved"), (here, "again"))
    ]
    assert exports[0].splitlines()[1:-1] == exports[1].splitlines()[1:-1]
    assert remote("import", "-", "-n", "moved", stdin=exports[1]).stdout == (
        "imported up to line 1202: 1200 unchanged\n"
    )
