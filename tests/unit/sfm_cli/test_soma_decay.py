"""`soma decay`."""

import json

from tests.unit.sfm_cli.soma_runner import TWINS, FakeClient, run_soma

REPORT = {
    "dry_run": True,
    "effects": [
        {"coordinate": [1, 2.5], "version": 3, "kind": "decayed", "removed": ["debug", "raw"]},
        {"coordinate": [7], "version": 1, "kind": "expired", "removed": []},
    ],
    "complete": False,
    "over_limit": 2,
}


def test_decay_asks_for_a_run_and_shows_each_effect() -> None:
    client = FakeClient({"call": REPORT})
    done = run_soma("decay", "--dry-run", client=client)
    assert done.exit_code == 0
    assert client.asked == [("call", "POST", "/decay:run", {}, {"dry_run": True}, None, None)]
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["coordinate", "version", "effect", "keys"],
        ["1,2.5", "3", "decayed", "debug", "raw"],
        ["7", "1", "expired"],
    ]
    assert done.stderr.splitlines() == [
        "2 too many stay: all that is left is pinned",
        "there is more: run it again",
    ]


def test_without_dry_run_it_is_done_and_json_is_the_rest_document() -> None:
    client = FakeClient({"call": REPORT})
    done = run_soma("decay", "--json", client=client)
    assert client.asked[0][4] == {"dry_run": False}
    assert json.loads(done.stdout) == REPORT
    assert done.stderr == ""


def test_nothing_due_prints_nothing() -> None:
    done = run_soma("decay", env=TWINS | {"SFM_MAX_MEMORY_SIZE": "5"})
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
