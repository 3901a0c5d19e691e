"""Patch, history, restore and delete-many on the command line."""

import json
from pathlib import Path

import pytest

from sfm_cli.client import Condition
from sfm_core.adapters.inmemory import InMemoryStore
from sfm_core.errors import NotFound
from sfm_core.factory import stores
from tests.unit.sfm_cli.soma_runner import STORED, FakeClient, run_soma

VERSION = {
    "version": 3,
    "type": "decayed",
    "at": "2026-05-01T12:34:56.000000Z",
    "payload": {"text": "tea"},
    "text": "tea \x1b[31mat\nfour",
    "importance": 0.5,
    "tags": ["a", "b"],
}
END = {"version": 2, "type": "deleted", "at": "2026-05-01T12:00:00.000000Z"}


@pytest.fixture
def shared_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in process see what those before them wrote."""
    store = InMemoryStore()
    monkeypatch.setattr(stores, "InMemoryStore", lambda: store)


def test_patch_sends_what_was_given_and_no_other() -> None:
    client = FakeClient({"call": STORED})
    done = run_soma(
        *("patch", "-1,2.50", '{"a": null, "b": {"c": 1}}', "--importance", "0"),
        *("--tag", "x", "--tag", "y", "--expires-at", "2027-05-01T12:00:00Z", "--pinned"),
        *("--if-version", "3", "--idempotency-key", "k-1"),
        client=client,
    )
    assert (done.exit_code, done.stderr) == (0, "")
    body = {
        "importance": 0.0,
        "tags": ("x", "y"),
        "expires_at": "2027-05-01T12:00:00Z",
        "pinned": True,
        "payload": {"a": None, "b": {"c": 1}},
    }
    path = "/memories/-1,2.5"
    assert client.asked == [("call", "PATCH", path, {}, body, Condition(version=3), "k-1")]
    assert done.stdout == "patched 1,2.5 (version 3, position 7)\n"


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (["--not-pinned"], {"pinned": False}),
        (["--no-tags", "--never-expires"], {"tags": [], "expires_at": None}),
        (["tea at four"], {"payload": {"text": "tea at four"}}),
        (["{}"], {"payload": {}}),
        ([], {}),
    ],
)
def test_a_patch_can_take_away(args: list[str], body: object) -> None:
    client = FakeClient({"call": STORED})
    assert run_soma("patch", "1", *args, client=client).exit_code == 0
    assert client.asked[0][4] == body


def test_a_patch_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"a": 1}')
    client = FakeClient({"call": STORED})
    assert run_soma("patch", "1", f"@{tmp_path}/p.json", client=client).exit_code == 0
    assert client.asked[0][4] == {"payload": {"a": 1}}


@pytest.mark.parametrize(
    "args",
    [
        ["patch", "1", "--tag", "x", "--no-tags"],
        ["patch", "1", "--expires-at", "2027-05-01T12:00:00Z", "--never-expires"],
        ["restore", "1"],
        ["restore", "1", "x"],
        ["restore", "1", "1", "--if-version", "1", "--if-absent"],
        ["delete-many"],
        ["delete-many", "1", "--all"],
        ["delete-many", "--filter", '{"a": 1}', "--all"],
    ],
)
def test_a_command_line_that_contradicts_itself_asks_for_nothing(args: list[str]) -> None:
    client = FakeClient()
    assert run_soma(*args, client=client).exit_code == 2
    assert client.asked == []


def test_history_shows_a_line_for_each_version_ends_too() -> None:
    client = FakeClient({"call": {"versions": [VERSION, END], "next_before": 2}})
    done = run_soma("history", "-1", "--limit", "2", "--before", "9", client=client)
    assert done.stdout.splitlines() == [
        "version  at                   event    importance  tags  text",
        "      3  2026-05-01 12:34:56  decayed         0.5  a b   tea �[31mat four",
        "      2  2026-05-01 12:00:00  deleted",
    ]
    assert done.stderr == "there are more: --all, or --before 2\n"
    params = {"limit": "2", "before": "9"}
    assert client.asked == [("call", "GET", "/memories/-1/history", params, None, None, None)]


def test_the_whole_history_follows_the_pages() -> None:
    pages = [{"versions": [VERSION], "next_before": 3}, {"versions": [END], "next_before": None}]
    client = FakeClient({"call": list(pages)})
    done = run_soma("history", "1", "--all", "--json", client=client)
    assert [json.loads(line) for line in done.stdout.splitlines()] == pages
    assert [asked[3] for asked in client.asked] == [{}, {"before": "3"}]


def test_restore_asks_for_a_version_under_a_condition() -> None:
    client = FakeClient({"call": STORED})
    done = run_soma("restore", "-1", "4", "--if-absent", "--idempotency-key", "k", client=client)
    condition = Condition(absent=True)
    path = "/memories/-1:restore"
    assert client.asked == [("call", "POST", path, {}, {"version": 4}, condition, "k")]
    assert done.stdout == "restored 1,2.5 (version 3, position 7)\n"


@pytest.mark.parametrize(
    ("args", "body"),
    [
        (["1,2.50", "-3"], {"coordinates": [[1, 2.5], [-3]]}),
        (["--filter", '{"@session": "s"}'], {"filter": {"@session": "s"}}),
        (["--all"], {"all": True}),
    ],
)
def test_delete_many_says_which_are_meant(args: list[str], body: object) -> None:
    client = FakeClient({"call": {"deleted": 2}})
    done = run_soma("delete-many", *args, "--idempotency-key", "k", client=client)
    assert client.asked == [("call", "POST", "/memories:delete", {}, body, None, "k")]
    assert done.stdout == "deleted 2 memories\n"


def test_get_may_ask_for_an_older_version() -> None:
    client = FakeClient({"call": NotFound("the memory there has no such version")})
    done = run_soma("get", "1", "--version", "7", client=client)
    assert client.asked == [("call", "GET", "/memories/1", {"version": "7"}, None, None, None)]
    assert done.exit_code == 3


@pytest.mark.usefixtures("shared_store")
def test_a_memory_is_patched_deleted_and_brought_back() -> None:
    def soma(*args: str) -> str:
        done = run_soma(*args)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    soma("store", "1", '{"said": "green tea", "by": "Ada"}', "--tag", "tea")
    assert soma("patch", "1", '{"by": null}', "--not-pinned", "--importance", "3") == (
        "patched 1 (version 2, position 2)\n"
    )
    soma("store", "2", "the roof leaks", "--session", "s")
    assert soma("delete-many", "--filter", '{"@tags": "tea"}') == "deleted 1 memory\n"
    assert run_soma("get", "1").exit_code == 3
    assert soma("restore", "1", "2") == "restored 1 (version 4, position 5)\n"
    found = json.loads(soma("get", "1", "--json"))
    assert (found["payload"], found["importance"]) == ({"said": "green tea"}, 3.0)
    first = json.loads(soma("get", "1", "--version", "1", "--json"))
    assert first["payload"] == {"said": "green tea", "by": "Ada"}
    history = json.loads(soma("history", "1", "--json"))
    assert [v["type"] for v in history["versions"]] == ["restored", "deleted", "updated", "created"]
    assert run_soma("restore", "1", "3").exit_code == 4
    assert run_soma("restore", "1", "99").exit_code == 3
    assert run_soma("patch", "1").exit_code == 4
    assert run_soma("delete-many", "--filter", "{}").exit_code == 4
    assert soma("delete-many", "--all") == "deleted 2 memories\n"
