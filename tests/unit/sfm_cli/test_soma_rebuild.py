"""`soma rebuild`."""

import json
from typing import Any

from tests.unit.sfm_cli.soma_runner import FakeClient, run_soma

DONE = {"projection": "slab", "before": None, "after": "1:00", "truth": "1:00", "sound": True,
        "position": 7}  # fmt: skip
ASKED: Any = ("call", "POST", "/rebuild", {}, {"projection": "slab"}, None, None)


def test_it_asks_for_the_projection_and_shows_the_digests() -> None:
    client = FakeClient(answers={"call": DONE})
    done = run_soma("rebuild", "slab", client=client)
    assert (done.exit_code, client.asked) == (0, [ASKED])
    assert "1:00" in done.stdout
    shown = run_soma("rebuild", "slab", "--json", client=client)
    assert json.loads(shown.stdout) == DONE


def test_what_is_not_sound_ends_with_one() -> None:
    client = FakeClient(answers={"call": DONE | {"sound": False}})
    assert run_soma("rebuild", "slab", client=client).exit_code == 1


def test_it_works_in_this_process() -> None:
    assert json.loads(run_soma("rebuild", "slab", "--json").stdout)["sound"] is True
