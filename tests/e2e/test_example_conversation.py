"""The example as a newcomer runs it, against a server of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.standalone import Standalone, free_port, standalone

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LINES_IN_THE_README = 20


def _run(
    folder: Path, url: str, data_dir: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """The script, started in `folder` with an empty environment but for what it asks for."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SFM_", "SOMA_"))}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "conversation.py"), *arguments],
        cwd=folder,
        env={**ours, "SOMA_URL": url, "SFM_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def _asked(server: Standalone, folder: Path) -> str:
    done = _run(folder, server.url, server.data_dir, str(EXAMPLES / "conversation.json"))
    assert done.returncode == 0, done.stderr
    return re.sub(r"in \d+\.\d s|\(\d+ ms\)", "…", done.stdout)


def test_it_stores_a_conversation_and_finds_answers_the_second_time_too(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        first, again = _asked(server, tmp_path), _asked(server, tmp_path)
        with server.client() as client:
            stats = client.get("/v1/example-bakery/stats").json()

    assert first == again
    assert stats["total"] == 36
    lines = first.splitlines()
    assert lines[0].startswith("36 turns of conversation.json stored")
    assert len(lines) <= LINES_IN_THE_README
    questions = [at for at, line in enumerate(lines) if line.startswith("? ")]
    assert len(questions) == 3
    for at in questions:
        scores = [float(line[3:7]) for line in lines[at + 1 : at + 4]]
        assert scores == sorted(scores, reverse=True)
    assert any(line.startswith(" * ") for line in lines)


def test_without_a_token_or_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "token").write_text("a token\n")
    nobody = f"http://127.0.0.1:{free_port()}"

    tokenless = _run(tmp_path, nobody, tmp_path / "absent")
    alone = _run(tmp_path, nobody, tmp_path / "held")

    assert tokenless.returncode == alone.returncode == 1
    assert str(tmp_path / "absent" / "token") in tokenless.stderr
    assert nobody in alone.stderr
    assert "make run" in alone.stderr


def test_a_wrong_token_is_told_as_the_server_tells_it(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        other = tmp_path / "other"
        other.mkdir()
        (other / "token").write_text("not the token of this server")
        done = _run(tmp_path, server.url, other, str(EXAMPLES / "conversation.json"))

    assert done.returncode == 1
    assert done.stderr.startswith("401 from ")
