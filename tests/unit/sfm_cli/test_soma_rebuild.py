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


def test_vectors_are_asked_for_portion_by_portion() -> None:
    portions = [
        DONE | {"projection": "vectors", "sound": sound, "next": behind}
        for sound, behind in ((True, "1"), (False, "2,-3"), (True, None))
    ]

    class Portions(FakeClient):
        async def call(self, *asked: Any, **more: Any) -> Any:
            await super().call(*asked, **more)
            return portions[len(self.asked) - 1]

    client = Portions(answers={"call": DONE})
    done = run_soma("rebuild", "vectors", "--json", client=client)
    assert [json.loads(line)["next"] for line in done.stdout.splitlines()] == ["1", "2,-3", None]
    assert [asked[4].get("after") for asked in client.asked] == [None, "1", "2,-3"]
    assert done.exit_code == 1


def test_it_works_in_this_process() -> None:
    assert json.loads(run_soma("rebuild", "slab", "--json").stdout)["sound"] is True
