"""One process, started as a user starts it, driven over HTTP and by signals."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from sfm_standalone.data_dir import served_from
from tests.servers.standalone import Standalone, standalone

pytestmark = pytest.mark.e2e


def _store(server: Standalone, coordinate: str, text: str) -> None:
    with server.client() as client:
        answer = client.put(f"/v1/default/memories/{coordinate}", json={"payload": {"text": text}})
    assert answer.status_code in {200, 201}, answer.text


def _text_at(server: Standalone, coordinate: str) -> object:
    with server.client() as client:
        answer = client.get(f"/v1/default/memories/{coordinate}")
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]["text"]


def _status_with(server: Standalone, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.url}/v1/default/memories", headers=headers).status_code


def _postgres_in(data_dir: Path) -> list[int]:
    where = str(data_dir.resolve() / "postgres" / "cluster")
    return [
        process.pid
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "postgres" and process.info["cwd"] == where
    ]


def _last_line(server: Standalone) -> str:
    return server.stderr.strip().splitlines()[-1]


def test_the_first_start_says_where_it_answers_and_what_to_try(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        token = tmp_path / "data" / "token"
        assert server.url in server.said
        assert str(token) in server.said
        assert token.stat().st_mode & 0o777 == 0o600
        assert server.token not in server.said + server.stderr
        if shutil.which("curl") is None:
            pytest.skip("no curl here to try the printed command with")
        command = re.search(r"^  curl .*?'$", server.said, re.MULTILINE | re.DOTALL)
        assert command is not None
        tried = subprocess.run(["sh", "-c", command[0]], capture_output=True, text=True)
        assert '"coordinate"' in tried.stdout, tried.stdout + tried.stderr


def test_a_second_start_finds_memories_and_token(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        _store(server, "1,2.5", "tea at four")
        token = server.token
        assert server.stop() == 0
        server.start()
        assert server.token == token
        assert _text_at(server, "1,2.5") == "tea at four"


def test_a_second_process_on_the_same_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as first, standalone(tmp_path / "data") as second:
        first.start()
        assert first.process is not None
        before = first.stderr
        assert second.spawn().wait(30) == 1
        said = second.stderr.removeprefix(before).strip().splitlines()
        assert said[-1] == (
            f"soma serve: {tmp_path / 'data'} is in use by process {first.process.pid}"
            f" at {first.url}"
        )
        _store(first, "1", "still here")
        second.wait(1)


def test_a_lock_left_by_a_killed_process_is_no_obstacle(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        _store(server, "3", "kept")
        server.kill()
        server.start()
        assert _text_at(server, "3") == "kept"


def test_a_kill_in_the_middle_of_the_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with standalone(data_dir) as server:
        process = server.spawn()
        while not list((data_dir / "postgres").glob("cluster.*")):
            assert process.poll() is None, server.stderr
        server.kill()
        assert not (data_dir / "postgres" / "cluster").exists()
        server.start()
        _store(server, "1", "here")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_everything_with_exit_code_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    data_dir = tmp_path / "data"
    with standalone(data_dir) as server:
        server.start()
        assert served_from(data_dir) is not None
        assert _postgres_in(data_dir) != []
        assert server.stop(number, within_s=15) == 0
        assert served_from(data_dir) is None
        assert not (data_dir / "serve.json").exists()
        assert _postgres_in(data_dir) == []


def test_serve_json_tells_the_command_line_where_to_go(tmp_path: Path) -> None:
    with standalone(tmp_path / "data") as server:
        server.start()
        assert server.process is not None
        served = served_from(tmp_path / "data")
        assert served is not None
        assert (served.pid, served.url) == (server.process.pid, server.url)
        assert served.token_file == str(tmp_path / "data" / "token")
        server.kill()
        assert served_from(tmp_path / "data") is None


def test_a_given_postgres_is_used_and_none_is_started(tmp_path: Path, empty_database: str) -> None:
    with standalone(tmp_path / "data", POSTGRES_URL=empty_database) as server:
        server.start()
        _store(server, "5", "in the given database")
        assert server.postgres() is None
        assert not (tmp_path / "data" / "postgres").exists()
        assert empty_database not in server.stderr
        assert server.stop() == 0
    with standalone(tmp_path / "elsewhere", POSTGRES_URL=empty_database) as server:
        server.start()
        assert _text_at(server, "5") == "in the given database"


def test_a_given_token_is_the_one_that_counts_and_is_not_written_down(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", SOMA_API_TOKEN="a-token-of-my-own-1") as server:
        server.start()
        assert not (tmp_path / "data" / "token").exists()
        assert _status_with(server, "a-token-of-my-own-1") == 200
        assert _status_with(server, "another-token-12345") == 401


def test_a_port_that_is_taken_is_named_and_the_exit_code_is_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, standalone(tmp_path / "data") as server:
        server.port = taken.getsockname()[1]
        assert server.spawn().wait(90) == 1
        assert _last_line(server) == (
            f"soma serve: listening on 127.0.0.1 port {server.port} is in use"
        )
        assert _postgres_in(tmp_path / "data") == []
        server.wait(1)


def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", SFM_HTTP_PROT="1", SFM_EMBEDDER="words") as server:
        assert server.spawn().wait(30) == 1
        assert "SFM_HTTP_PROT is not a setting; did you mean SFM_HTTP_PORT?" in _last_line(server)
        assert "SFM_EMBEDDER is none of onnx, hash" in _last_line(server)
        server.wait(1)


def test_postgres_killed_under_it_is_back_and_an_outage_is_never_an_empty_answer(
    tmp_path: Path,
) -> None:
    with standalone(tmp_path / "data") as server, _started(server).client() as client:
        _store(server, "8", "kept")
        main = server.postgres()
        assert main is not None
        os.kill(main.pid, signal.SIGKILL)
        statuses = set()
        while 200 not in statuses:
            statuses.add(client.get("/v1/default/memories/8").status_code)
        assert statuses <= {200, 503}


def test_with_the_packaged_model_recall_goes_by_meaning(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", SFM_EMBEDDER="onnx") as server:
        server.start()
        _store(server, "1", "The cat sleeps on the sofa all afternoon")
        _store(server, "2", "Quarterly revenue grew by nine percent")
        _store(server, "3", "The bicycle chain needs oil")
        with server.client() as client:
            answer = client.post(
                "/v1/default/recall",
                json={"query": "a feline napping on the couch", "mode": "vector", "top_k": 1},
            ).json()
        assert answer["hits"][0]["coordinate"] == [1]
        assert answer["degraded"] == []


def _started(server: Standalone) -> Standalone:
    server.start()
    return server
