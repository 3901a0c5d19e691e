"""`soma erase`."""

import json

import pytest

from tests.unit.sfm_cli.soma_runner import FakeClient, run_soma

RECEIPT = {
    "namespace": "acme",
    "generation": 2,
    "complete": True,
    "stores": [{"store": "memories", "removed": 3, "left": 0}],
}


def test_where_nobody_can_answer_it_needs_yes() -> None:
    client = FakeClient(answers={"call": RECEIPT})
    done = run_soma("erase", "-n", "acme", client=client)
    assert (done.exit_code, client.asked) == (2, [])
    assert "--yes" in done.stderr


def test_with_yes_it_erases_and_shows_the_receipt() -> None:
    client = FakeClient(answers={"call": RECEIPT})
    done = run_soma("erase", "-n", "acme", "--yes", client=client)
    assert client.asked == [("call", "DELETE", "", {}, None, None, None)]
    assert "memories        3     0" in done.stdout
    assert "acme: erased (generation 2)" in done.stdout
    shown = run_soma("erase", "--yes", "--json", client=client)
    assert json.loads(shown.stdout) == RECEIPT


@pytest.mark.parametrize(("typed", "code"), [("acme", 0), ("other", 2)])
def test_somebody_at_a_terminal_types_the_name(
    typed: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfm_cli.commands.erase._is_answered", lambda: True)
    client = FakeClient(answers={"call": RECEIPT})
    done = run_soma("erase", "-n", "acme", client=client, stdin=f"{typed}\n")
    assert (done.exit_code, len(client.asked)) == (code, 1 - code // 2)


def test_it_works_in_this_process() -> None:
    done = run_soma("erase", "--yes", "--json")
    assert json.loads(done.stdout)["complete"] is True
