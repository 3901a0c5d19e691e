"""`soma reconcile`."""

import json

from tests.unit.sfm_cli.soma_runner import TWINS, FakeClient, run_soma

ID = "7c1f3f6e-2f1c-5d2c-8e3f-0a1b2c3d4e5f"
REPORT = {
    "dry_run": True,
    "complete": False,
    "jobs": [
        {
            "job": "upkeep",
            "complete": True,
            "counts": {"decayed": 1},
            "effects": [
                {
                    "kind": "decayed",
                    "id": ID,
                    "coordinate": [1, 2.5],
                    "version": 3,
                    "removed": ["debug", "raw"],
                }
            ],
            "over_limit": 0,
        },
        {
            "job": "parity",
            "complete": False,
            "counts": {"put": 1, "reloaded": 1},
            "effects": [{"kind": "put", "id": ID}, {"kind": "reloaded"}],
            "over_limit": 0,
        },
    ],
}


def test_reconcile_asks_for_a_run_and_shows_each_effect() -> None:
    client = FakeClient({"call": REPORT})
    done = run_soma("reconcile", "--dry-run", "--job", "parity", client=client)
    assert done.exit_code == 0
    body = {"dry_run": True, "jobs": ["parity"]}
    assert client.asked == [("call", "POST", "/reconcile:run", {}, body, None, None)]
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["job", "effect", "memory", "keys"],
        ["upkeep", "decayed", "1,2.5", "debug", "raw"],
        ["parity", "put", ID],
        ["parity", "reloaded", "-"],
    ]
    assert done.stderr.splitlines() == ["there is more: run it again"]


def test_json_is_the_rest_document_and_all_jobs_are_the_default() -> None:
    client = FakeClient({"call": REPORT})
    done = run_soma("reconcile", "--json", client=client)
    assert client.asked[0][4] == {"dry_run": False}
    assert json.loads(done.stdout) == REPORT


def test_nothing_to_mend_prints_nothing() -> None:
    done = run_soma("reconcile", env=TWINS)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
