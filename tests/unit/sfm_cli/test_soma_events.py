"""`soma events`."""

import json

from sfm_core.errors import Unavailable
from tests.unit.sfm_cli.soma_runner import FakeClient, run_soma

EVENT = {
    "position": 7,
    "event_id": "e",
    "type": "created",
    "namespace": "a",
    "id": "i",
    "coordinate": [1, 2.5],
    "version": 1,
    "timestamp": "2026-05-01T12:34:56.000000Z",
    "payload": {"said": "tea"},
    "text": "tea",
}
LINKED = EVENT | {"position": 8, "type": "linked", "coordinate": None, "link": {"type": "next"}}
del LINKED["payload"], LINKED["text"]


def page(*events: object, more: bool = False) -> dict[str, object]:
    return {"events": list(events), "position": 7 + len(events), "more": more}


def test_a_page_is_a_table_and_says_how_to_go_on() -> None:
    client = FakeClient(answers={"call": page(EVENT, LINKED, more=True)})
    done = run_soma("events", "--after", "3", "--limit", "2", client=client)
    assert done.exit_code == 0
    asked = ("call", "GET", "/events", {"limit": "2", "after": "3"}, None, None, None)
    assert client.asked == [asked]
    assert "2026-05-01 12:34:56" in done.stdout
    assert "1,2.5" in done.stdout
    assert "next" in done.stdout
    assert "there are more: --all, or --after 9" in done.stderr


def test_json_is_the_document_as_it_came() -> None:
    client = FakeClient(answers={"call": page(EVENT)})
    done = run_soma("events", "--json", client=client)
    assert json.loads(done.stdout) == page(EVENT)
    assert done.stderr == ""


def test_all_goes_on_from_each_page_until_there_is_no_more() -> None:
    client = FakeClient(answers={"call": [page(EVENT, more=True), page(LINKED)]})
    done = run_soma("events", "--all", "--json", client=client)
    assert len(done.stdout.splitlines()) == 2
    assert [call[3] for call in client.asked] == [{}, {"after": "8"}]


def test_following_goes_on_from_an_empty_page_and_prints_none() -> None:
    client = FakeClient(answers={"call": [page(EVENT), page(), page(LINKED), Unavailable("gone")]})
    done = run_soma("events", "--follow", "--json", client=client)
    assert done.exit_code == 5
    assert len(done.stdout.splitlines()) == 2
    assert [call[3] for call in client.asked][1:] == [
        {"after": "8"},
        {"after": "7"},
        {"after": "8"},
    ]


def test_it_works_in_this_process() -> None:
    done = run_soma("events", "--json")
    assert json.loads(done.stdout) == {"events": [], "position": 0, "more": False}
