"""Where a command goes."""

import json
import os
from contextlib import ExitStack
from pathlib import Path

import anyio
import psutil
import pytest

from sfm_cli import session
from sfm_cli.session import connected, held
from sfm_cli.target import Local, Remote, target_of
from sfm_core.errors import Conflict, Misconfigured, Unavailable
from sfm_standalone.data_dir import DataDir
from tests.unit.sfm_cli.soma_runner import run_soma

HASH = {"SFM_EMBEDDER": "hash"}


def _served(path: Path, url: str, token_file: str | None) -> None:
    """As a server of this very process would announce itself."""
    path.mkdir(exist_ok=True)
    served = {
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "url": url,
        "token_file": token_file,
    }
    (path / "serve.json").write_text(json.dumps(served))


@pytest.mark.parametrize(
    ("url", "token", "wanted"),
    [
        (None, None, ("http://env:1", "env-token")),
        ("https://line:2/sfm/", None, ("https://line:2/sfm", "env-token")),
        (None, "line-token", ("http://env:1", "line-token")),
    ],
)
def test_the_command_line_goes_before_the_environment(
    url: str | None, token: str | None, wanted: tuple[str, str]
) -> None:
    env = {"SOMA_URL": "http://env:1", "SOMA_API_TOKEN": "env-token"}
    place = target_of(env, namespace=None, url=url, token=token).place
    assert isinstance(place, Remote)
    assert place.token is not None
    assert (place.url, place.token.value) == wanted


def test_a_token_file_goes_before_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    env = {"SOMA_API_TOKEN": "x", "SOMA_API_TOKEN_FILE": str(tmp_path / "token")}
    place = target_of(env, namespace=None, url="http://a", token=None).place
    assert isinstance(place, Remote)
    assert place.token is not None
    assert place.token.value == "from-file"


def test_settings_of_a_server_do_not_stop_a_command_that_goes_to_one() -> None:
    env = {"POSTGRES_POOL_SIZE": "none"}
    assert target_of(env, namespace=None, url="http://a", token=None).namespace == "default"
    with pytest.raises(Misconfigured, match="POSTGRES_POOL_SIZE"):
        target_of(env, namespace=None, url=None, token=None)


@pytest.mark.parametrize(
    ("env", "deadline_s"), [({}, 300.0), ({"SFM_RECALL_DEADLINE_SECONDS": "2"}, 2.0)]
)
def test_a_recall_in_process_has_time_to_load_unless_told_otherwise(
    env: dict[str, str], deadline_s: float
) -> None:
    place = target_of(env, namespace=None, url=None, token=None).place
    assert isinstance(place, Local)
    assert place.settings.core.recall_deadline_seconds == deadline_s


async def test_a_server_that_holds_the_data_directory_is_found_with_its_token(
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_text("of-the-server\n")
    _served(tmp_path, "http://127.0.0.1:1", str(tmp_path / "token"))
    env = {"SFM_DATA_DIR": str(tmp_path)}
    place = await _place(env, None)
    assert place == ("http://127.0.0.1:1", "of-the-server")
    assert await _place(env, "mine") == ("http://127.0.0.1:1", "mine")


async def test_a_server_with_a_token_of_the_environment_gets_ours(tmp_path: Path) -> None:
    _served(tmp_path, "http://127.0.0.1:1", None)
    env = {"SFM_DATA_DIR": str(tmp_path), "SOMA_API_TOKEN": "of-the-environment"}
    assert await _place(env, None) == ("http://127.0.0.1:1", "of-the-environment")


async def test_a_postgres_of_ones_own_is_asked_whoever_holds_the_data_directory(
    tmp_path: Path,
) -> None:
    _served(tmp_path, "http://127.0.0.1:1", None)
    env = {**HASH, "SFM_DATA_DIR": str(tmp_path), "POSTGRES_URL": "memory://"}
    target = target_of(env, namespace=None, url=None, token=None)
    async with connected(target, writes=False) as client:
        assert (await client.stats())["total"] == 0


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("args", [["get", "1"], ["list"], ["stats"], ["recall", "x"]])
def test_a_read_makes_no_data_directory_and_does_not_pass_for_an_empty_memory(
    tmp_path: Path, args: list[str], made: bool
) -> None:
    place = tmp_path / "data"
    if made:
        place.mkdir()
    done = run_soma(*args, env={**HASH, "SFM_DATA_DIR": str(place)})
    assert (done.exit_code, done.stdout) == (8, "")
    assert f"{place} holds no memories" in done.stderr
    assert list(tmp_path.rglob("*")) == ([place] if made else [])


async def test_a_directory_that_another_command_keeps_is_refused_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WAIT_S", 0.0)
    with (
        DataDir.held(tmp_path),
        ExitStack() as holding,
        pytest.raises(Unavailable, match=f"in use by process {os.getpid()}"),
    ):
        await held(tmp_path, holding)


async def test_a_directory_that_another_command_lets_go_of_is_taken(tmp_path: Path) -> None:
    first = ExitStack()
    first.enter_context(DataDir.held(tmp_path))
    with ExitStack() as holding:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(held, tmp_path, holding)
            await anyio.wait_all_tasks_blocked()
            first.close()
        with pytest.raises(Conflict), DataDir.held(tmp_path):
            pass


async def _place(env: dict[str, str], token: str | None) -> tuple[str, str]:
    target = target_of(env, namespace=None, url=None, token=token)
    assert isinstance(target.place, Local)
    async with connected(target, writes=False) as client:
        http = client._http  # type: ignore[attr-defined]
        return str(http.base_url).rstrip("/"), http.headers["Authorization"].removeprefix("Bearer ")
