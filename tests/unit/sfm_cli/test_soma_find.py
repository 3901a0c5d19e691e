"""`soma range` and `soma keyword-search`: what they ask, and what they print."""

import json

import pytest

from tests.unit.sfm_cli.soma_runner import MEMORY, FakeClient, run_soma

HIT = {
    **MEMORY,
    "score": 0.75,
    "match": "part",
    "snippet": {"text": "x" * 60 + " teapot \x1b[31mred", "start": 0, "marks": [[61, 64]]},
}


def test_range_asks_for_the_box_and_takes_negative_corners() -> None:
    page = {"memories": [MEMORY], "next_cursor": "c-2"}
    client = FakeClient(answers={"call": page})
    done = run_soma("range", "-1,-2", "3,4", "--limit", "1", client=client)
    assert done.exit_code == 0, done.stderr
    asked = {"min": "-1,-2", "max": "3,4", "limit": "1"}
    assert client.asked == [("call", "GET", "/range", asked, None, None, None)]
    assert "-1,2.5" in done.stdout
    assert "--cursor c-2" in done.stderr


def test_range_follows_the_cursors_to_the_end() -> None:
    pages = [{"memories": [MEMORY], "next_cursor": "c"}, {"memories": [], "next_cursor": None}]
    client = FakeClient(answers={"call": pages})
    done = run_soma("range", "0", "1", "--all", "--json", client=client)
    assert [json.loads(line)["next_cursor"] for line in done.stdout.splitlines()] == ["c", None]
    assert client.asked[1][3] == {"min": "0", "max": "1", "cursor": "c"}


def test_keyword_search_sends_what_was_given_and_shows_the_place() -> None:
    client = FakeClient(answers={"call": {"hits": [HIT]}})
    done = run_soma(
        *("keyword-search", "tea", "--exact", "-k", "3", "--kind", "semantic"),
        *("--filter", '{"@source": "Ada"}'),
        client=client,
    )
    assert done.exit_code == 0, done.stderr
    body = {
        "term": "tea", "exact": True, "top_k": 3, "kind": "semantic", "filter": {"@source": "Ada"}
    }  # fmt: skip
    assert client.asked == [("call", "POST", "/keyword-search", {}, body, None, None)]
    line = done.stdout.splitlines()[1]
    assert "part" in line
    assert "teapot" in line
    assert "\x1b" not in line


def test_keyword_search_prints_the_document_or_says_that_nothing_was_found() -> None:
    client = FakeClient(answers={"call": {"hits": []}})
    assert run_soma("keyword-search", "x", client=client).stdout == "nothing found\n"
    assert run_soma("keyword-search", "x", "--json", client=client).stdout == '{"hits":[]}\n'


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["range", "0"], 2),
        (["keyword-search"], 2),
        (["keyword-search", "x", "--filter", "{"], 4),
        (["keyword-search", "x", "--kind", "fact"], 2),
    ],
)
def test_a_wrong_command_line_asks_nothing(args: list[str], code: int) -> None:
    client = FakeClient()
    assert run_soma(*args, client=client).exit_code == code
    assert client.asked == []
