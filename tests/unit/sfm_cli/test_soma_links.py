"""`soma link`, `unlink`, `path` and `neighbors`."""

import json

import pytest

from sfm_core.errors import NotFound
from tests.unit.sfm_cli.soma_runner import FakeClient, run_soma

LINK = {
    "from": [-1, 2.5],
    "to": [3],
    "type": "cause\x1b[31m",
    "weight": 2.0,
    "id": "i",
    "version": 1,
    "position": 7,
}
PAGE = {
    "neighbors": [
        {"coordinate": [3], "id": "i", "direction": "out", "type": "cause\n", "weight": 2.0},
        {"coordinate": [-4, 1], "id": "j", "direction": "in", "type": "related", "weight": 0.5},
    ],
    "next_cursor": "c-1",
}


def test_link_sends_its_ends_and_what_else_was_said() -> None:
    client = FakeClient({"call": LINK})
    options = ("--type", "cause", "--weight", "2", "--idempotency-key", "k")
    done = run_soma("link", "-1,2.50", "3", *options, client=client)
    body = {"from": [-1, 2.5], "to": [3], "type": "cause", "weight": 2.0}
    assert client.asked == [("call", "PUT", "/links", {}, body, None, "k")]
    assert [writes for _, writes in client.targets] == [True]
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == ("linked -1,2.5 -> 3 (cause�[31m; weight 2, version 1, position 7)\n")


def test_link_says_nothing_that_was_not_given() -> None:
    client = FakeClient({"call": LINK})
    done = run_soma("link", "1", "2", "--json", client=client)
    assert client.asked[0][4] == {"from": [1], "to": [2]}
    assert json.loads(done.stdout) == LINK


def test_unlink_names_the_link_and_prints_no_document() -> None:
    client = FakeClient()
    done = run_soma("unlink", "-1", "2", "--type", "cause", client=client)
    params = {"from": "-1", "to": "2", "type": "cause"}
    assert client.asked == [("call", "DELETE", "/links", params, None, None, None)]
    assert done.stdout == "unlinked -1 and 2\n"
    assert run_soma("unlink", "1", "2", "--json", client=FakeClient()).stdout == ""


def test_path_shows_the_way() -> None:
    client = FakeClient({"call": {"path": [[1], [-2, 0.5], [3]], "weight": 0.5}})
    done = run_soma("path", "1", "3", "--type", "t", "--min-position", "7", client=client)
    params = {"from": "1", "to": "3", "type": "t", "min_position": "7"}
    assert client.asked == [("call", "GET", "/path", params, None, None, None)]
    assert done.stdout == "1 -> -2,0.5 -> 3  (weight 0.5)\n"
    none = FakeClient({"call": {"path": []}})
    assert run_soma("path", "1", "3", client=none).stdout == "no way\n"
    itself = FakeClient({"call": {"path": [[1]]}})
    assert run_soma("path", "1", "1", client=itself).stdout == "1\n"


def test_neighbors_are_listed_with_where_they_lie() -> None:
    client = FakeClient({"call": PAGE})
    done = run_soma("neighbors", "-1", "--direction", "both", "--limit", "2", client=client)
    params = {"direction": "both", "limit": "2"}
    assert client.asked == [("call", "GET", "/memories/-1/neighbors", params, None, None, None)]
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["weight", "coordinate", "type"],
        ["2", "->", "3", "cause"],
        ["0.5", "<-", "-4,1", "related"],
    ]
    assert done.stderr == "there are more: --cursor c-1\n"
    empty = FakeClient({"call": {"neighbors": [], "next_cursor": None}})
    assert run_soma("neighbors", "1", client=empty).stdout == "no links\n"


@pytest.mark.parametrize("command", ["link", "unlink", "path"])
def test_a_missing_end_is_exit_code_3_and_a_wrong_one_4(command: str) -> None:
    client = FakeClient({"call": NotFound("no memory lives there")})
    assert run_soma(command, "1", "2", client=client).exit_code == 3
    wrong = run_soma(command, "1", "2,x", client=FakeClient())
    assert (wrong.exit_code, "axis 1" in wrong.stderr) == (4, True)
    assert run_soma(command, "1", client=FakeClient()).exit_code == 2


def test_the_whole_way_over_the_rest_application() -> None:
    missing = run_soma("link", "1", "2", "--json")
    assert missing.exit_code == 3
    assert json.loads(missing.stderr)["detail"] == "no memory lives at 1"
