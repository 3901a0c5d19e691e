"""What a stack runs, where, and with which environment."""

import json
import socket
import sys
from pathlib import Path

import pytest

from scripts.stack.folder import Endpoints, StackFolder
from scripts.stack.ports import HOST, Wanted, chosen
from scripts.stack.programs import Program, service_programs
from scripts.stack.settings import StackSettings
from scripts.stack.supervision import configuration
from sfm_core.errors import Conflict
from sfm_core.runtime.names import SFM_NAMES
from sfm_core.runtime.settings import describe, names

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def a_port_in_use() -> socket.socket:
    return socket.create_server((HOST, 0))


def test_the_usual_port_is_taken_when_it_is_free() -> None:
    with a_port_in_use() as listener:
        free = listener.getsockname()[1]
    assert chosen([Wanted("api", free, None)]) == {"api": free}


def test_another_port_is_taken_when_the_usual_one_is_in_use() -> None:
    with a_port_in_use() as listener:
        taken = listener.getsockname()[1]
        found = chosen([Wanted("api", taken, None), Wanted("redis", taken, None)])
    assert taken not in found.values()
    assert len(set(found.values())) == 2
    # no outgoing connection takes it while its server is down
    assert max(found.values()) < 30_000


def test_a_port_that_is_given_and_in_use_is_refused_by_name() -> None:
    with a_port_in_use() as listener:
        taken = listener.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {taken}, given for qdrant"):
            chosen([Wanted("qdrant", 6333, taken)])


def services(env: dict[str, str], folder: Path) -> dict[str, Program]:
    endpoints = Endpoints(
        api="http://127.0.0.1:1",
        kafka="127.0.0.1:2",
        postgres="postgresql://ours",
        redis="redis://ours",
        qdrant="http://ours",
        services={"api": "http://127.0.0.1:1", "kv-writer": "http://127.0.0.1:3"},
    )
    made = service_programs(StackFolder.of(folder), env, endpoints, "a-token")
    return {program.name: program for program in made}


def test_services_get_the_servers_of_the_stack_and_what_else_the_user_said(tmp_path: Path) -> None:
    env = {
        "POSTGRES_URL": "postgresql://theirs",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SESSION_TIMEOUT_SECONDS": "7",
        "SFM_STACK_KAFKA_HEAP_MB": "1024",
        "SFM_EMBEDDER": "hash",
        "PATH": "/bin",
    }
    writer = services(env, tmp_path)["kv-writer"].env
    assert writer["POSTGRES_URL"] == "postgresql://ours"
    assert writer["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:2"
    assert writer["SFM_METRICS_PORT"] == "3"
    assert (writer["SFM_EMBEDDER"], writer["PATH"]) == ("hash", "/bin")
    assert writer["KAFKA_SESSION_TIMEOUT_SECONDS"] == "7"
    assert not {"KAFKA_SECURITY_PROTOCOL", "SFM_STACK_KAFKA_HEAP_MB"} & set(writer)


def test_nobody_is_limited_unasked(tmp_path: Path) -> None:
    assert services({}, tmp_path)["api"].env["SOMA_RATE_LIMIT_MAX"] == "0"
    asked = services({"SOMA_RATE_LIMIT_MAX": "5"}, tmp_path)["api"].env
    assert asked["SOMA_RATE_LIMIT_MAX"] == "5"


def test_a_program_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    folder = StackFolder.of(tmp_path)
    folder.make()
    written = services({}, tmp_path)["api"].write(folder)
    assert written.stat().st_mode & 0o077 == 0
    assert json.loads(written.read_text())["command"] == [sys.executable, "-m", "sfm_api"]


def test_the_configuration_holds_no_secret_and_takes_any_folder_name(tmp_path: Path) -> None:
    folder = StackFolder.of(tmp_path / "100 % mine")
    folder.make()
    text = configuration(folder, list(services({}, folder.path).values()))
    assert "a-token" not in text
    assert "[program:kv-writer]" in text
    assert "100 % mine" not in text.replace("%%", "")
    folder.sockets.rmdir()


def test_every_process_knows_the_names_of_the_stack() -> None:
    assert {name for name in names(StackSettings) if name.startswith("SFM_")} <= SFM_NAMES


def test_the_operations_page_lists_them() -> None:
    page = OPERATIONS.read_text("utf-8")
    rows = describe(StackSettings(), {})
    assert [row.name for row in rows if f"| `{row.name}` | " not in page] == []
