"""The data directory: one holder at a time, by a lock that dies with its holder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sfm_core.errors import Conflict, Misconfigured
from sfm_standalone.data_dir import DataDir, served_from

HOLDER = """
import sys
from pathlib import Path
from sfm_standalone.data_dir import DataDir

with DataDir.held(Path(sys.argv[1])) as held:
    held.announce("http://127.0.0.1:1", held.token_file)
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        with pytest.raises(Conflict) as refused, DataDir.held(tmp_path):
            pass
        assert refused.value.detail == (
            f"{tmp_path} is in use by process {holder.pid} at http://127.0.0.1:1"
        )
        holder.kill()


def test_the_same_process_cannot_hold_it_twice_either(tmp_path: Path) -> None:
    with (
        DataDir.held(tmp_path),
        pytest.raises(Conflict, match=f"in use by process {os.getpid()}$"),
        DataDir.held(tmp_path),
    ):
        pass


def test_a_killed_holder_holds_no_longer_and_is_not_taken_for_serving(tmp_path: Path) -> None:
    with _holder(tmp_path) as holder:
        assert served_from(tmp_path) is not None
        holder.kill()
    assert (tmp_path / "serve.json").exists()
    assert served_from(tmp_path) is None
    with DataDir.held(tmp_path):
        pass


def test_a_pid_that_became_somebody_elses_is_not_taken_for_serving(tmp_path: Path) -> None:
    """Our own pid, but a process that began at another time."""
    with DataDir.held(tmp_path) as held:
        held.announce("http://127.0.0.1:1", None)
        file = tmp_path / "serve.json"
        said = json.loads(file.read_text())
        assert served_from(tmp_path) is not None
        file.write_text(json.dumps(said | {"started": said["started"] - 3600}))
        assert served_from(tmp_path) is None


def test_letting_go_takes_serve_json_away(tmp_path: Path) -> None:
    with DataDir.held(tmp_path) as held:
        held.announce("http://127.0.0.1:1", held.token_file)
        served = served_from(tmp_path)
        assert served is not None
        assert served.token_file == str(held.token_file)
    assert not (tmp_path / "serve.json").exists()
    assert served_from(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", "not json", '{"pid": "x"}'])
def test_a_damaged_serve_json_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "serve.json").write_text(content)
    assert served_from(tmp_path) is None


def test_the_token_is_made_once_long_random_and_for_the_owner_alone(tmp_path: Path) -> None:
    with DataDir.held(tmp_path / "a") as held:
        token = held.token()
        assert len(token) == 43
        assert held.token() == token
        assert held.token_file.stat().st_mode & 0o777 == 0o600
    with DataDir.held(tmp_path / "a") as held:
        assert held.token() == token
    with DataDir.held(tmp_path / "b") as held:
        assert held.token() != token


def test_an_empty_token_file_is_filled_not_believed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    with DataDir.held(tmp_path) as held:
        assert len(held.token()) == 43


def test_a_directory_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(Misconfigured, match=r"SFM_DATA_DIR .*file/data: Not a directory"),
        DataDir.held(tmp_path / "file" / "data"),
    ):
        pass
