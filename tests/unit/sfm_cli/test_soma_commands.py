"""What each command asks for, and what it prints."""

import json
from pathlib import Path

import pytest

from sfm_cli.client import Condition
from sfm_cli.group import COMMANDS
from tests.unit.sfm_cli.soma_runner import MEMORY, STORED, FakeClient, run_soma

HIT = {k: v for k, v in MEMORY.items() if k != "text"} | {
    "score": 0.75,
    "text": "tea \x1b[31mat\nfour",
    "explain": {
        "parts": {"vector": 0.5, "keyword": 0.25},
        "cosine": 0.61,
        "bm25": 2.0,
        "importance_norm": 1.0,
        "factor": 1.0,
    },
}
FOUND = {"hits": [HIT], "position": 7, "took_ms": 1.0, "degraded": ["keyword"]}


def test_store_sends_every_field_that_was_given_and_no_other() -> None:
    client = FakeClient()
    done = run_soma(
        *("store", "1,2.50", '{"a": 1}', "--text", "words", "--kind", "semantic"),
        *("--importance", "0", "--tag", "x", "--tag", "y", "--session", "s", "--source", "Ada"),
        *("--occurred-at", "2026-05-01T12:00:00Z", "--expires-at", "2027-05-01T12:00:00Z"),
        *("--pinned", "--if-version", "3", "--idempotency-key", "k-1"),
        client=client,
    )
    assert (done.exit_code, done.stderr) == (0, "")
    memory = {
        "payload": {"a": 1},
        "text": "words",
        "kind": "semantic",
        "importance": 0.0,
        "tags": ("x", "y"),
        "session": "s",
        "source": "Ada",
        "occurred_at": "2026-05-01T12:00:00Z",
        "expires_at": "2027-05-01T12:00:00Z",
        "pinned": True,
    }
    assert client.asked == [("store", "1,2.5", memory, Condition(version=3), "k-1")]
    assert done.stdout == "stored 1,2.5 (new; version 3, position 7)\n"


@pytest.mark.parametrize(
    ("args", "payload"),
    [
        (["tea at four"], {"text": "tea at four"}),
        (["--text", "tea at four"], {"text": "tea at four"}),
        ([' {"a": [1, -2.5e3, null]}'], {"a": [1, -2500.0, None]}),
        (["[1]"], [1]),
        (["42"], {"text": "42"}),
        (["-"], {"text": "from stdin"}),
        (["@memory.json"], {"from": "a file"}),
    ],
)
def test_a_payload_is_json_or_words_from_the_line_a_file_or_stdin(
    args: list[str], payload: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("memory.json").write_text('{"from": "a file"}\n')
    client = FakeClient()
    done = run_soma("remember", *args, client=client, stdin="from stdin\n")
    assert done.exit_code == 0, done.stderr
    assert client.asked == [("remember", {"payload": payload}, None)]


@pytest.mark.parametrize("args", [["-1,2.5"], ["--", "-1,2.5"], ["-1,2.5", "-n", "demo", "--json"]])
def test_a_coordinate_may_start_with_a_minus(args: list[str]) -> None:
    client = FakeClient()
    assert run_soma("get", *args, client=client).exit_code == 0
    assert client.asked == [("get", "-1,2.5")]


def test_a_wrong_option_beside_a_negative_coordinate_is_still_refused() -> None:
    done = run_soma("get", "-1,2", "--jsno", client=FakeClient())
    assert done.exit_code == 2
    assert "--jsno" in done.stderr


def test_recall_passes_what_was_given_in_the_words_of_rest() -> None:
    client = FakeClient()
    run_soma(
        *("recall", "tea?", "-k", "3", "--mode", "vector", "--kind", "episodic"),
        *("--filter", '{"@source": "Ada"}', "--since", "a", "--until", "b"),
        *("--box", "-1,0:1,2.5", "--min-score", "0", "--min-similarity", "-1"),
        *("--min-position", "0", "--weights", '{"vector": 1}', "--explain"),
        *("--include", "payload", "--json", "--explain-for", "-1,2", "--explain-for", "7"),
        *("--budget-tokens", "500", "--context", "a turn", "--context", "another"),
        client=client,
    )
    assert client.asked == [
        (
            "recall",
            {
                "query": "tea?",
                "top_k": 3,
                "mode": "vector",
                "kind": "episodic",
                "filter": {"@source": "Ada"},
                "since": "a",
                "until": "b",
                "box": {"min": [-1, 0], "max": [1, 2.5]},
                "min_score": 0.0,
                "min_similarity": -1.0,
                "min_position": 0,
                "weights": {"vector": 1},
                "explain": True,
                "context": ("a turn", "another"),
                "explain_for": [[-1, 2], [7]],
                "include": ("payload",),
                "budget_tokens": 500,
            },
        )
    ]


def test_places_budget_and_passages_are_told_beside_the_hits() -> None:
    placed = {"hit": False, "rank": None, "score": None, "absent_for": ["kind", "filter"]}
    found = {
        "hits": [HIT | {"snippet": {"text": "the passage", "start": 9, "marks": []}}],
        "explained": [
            placed | {"coordinate": [1, 2]},
            placed | {"coordinate": [3], "rank": 9, "score": 0.25, "absent_for": ["outranked"]},
        ],
        "budget": {"limit": 100, "used": 40, "left_out": 2},
        "degraded": ["slab", "changing"],
    }
    lines = run_soma("recall", "tea", client=FakeClient({"recall": found})).stdout.splitlines()
    assert lines[1].endswith("the passage")
    assert lines[2:] == [
        "1,2: no rank: no hit (kind, filter)",
        "3: rank 9, score 0.2500: no hit (outranked)",
        "about 40 of 100 tokens, 2 left out",
        "without: slab (did not answer)",
        "left out: what was being changed while it was read",
    ]


def test_hits_are_a_table_that_no_memory_can_break() -> None:
    done = run_soma("recall", "tea", "--explain", client=FakeClient({"recall": FOUND}))
    header, row, why, *_, degraded = done.stdout.splitlines()
    assert header.split() == ["score", "coordinate", "when", "source", "text"]
    assert row.split(maxsplit=5) == ["0.7500", "-1,2.5", "2026-05-01", "12:34", "Ada",
                                     "tea �[31mat four"]  # fmt: skip
    assert "= vector 0.5000 + keyword 0.2500" in why
    assert degraded == "without: keyword (did not answer)"
    assert "\x1b" not in done.stdout


def test_nothing_found_is_said_and_is_no_failure() -> None:
    done = run_soma("recall", "tea", client=FakeClient())
    assert (done.exit_code, done.stdout) == (0, "nothing found\n")


@pytest.mark.parametrize(
    ("args", "document"),
    [
        (["store", "1,2.5", "x"], STORED),
        (["remember", "x"], STORED),
        (["get", "1"], MEMORY),
        (["recall", "x"], FOUND),
        (["list"], {"memories": [MEMORY], "next_cursor": None}),
        (["stats"], {"total": 1, "slab": {"rows": 1}, "importance": None}),
    ],
)
def test_with_json_stdout_is_the_document_and_nothing_else(
    args: list[str], document: object
) -> None:
    done = run_soma(*args, "--json", client=FakeClient({"recall": FOUND}))
    assert json.loads(done.stdout) == document
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_get_shows_what_a_memory_has_also_an_importance_of_zero() -> None:
    shown = run_soma("get", "1", client=FakeClient()).stdout
    assert dict(line.split(maxsplit=1) for line in shown.splitlines())["importance"] == "0.0"
    assert "session" not in shown


def test_list_tells_on_stderr_that_there_is_more() -> None:
    page = {"memories": [MEMORY], "next_cursor": "c1"}
    client = FakeClient({"list": page})
    done = run_soma("list", "--limit", "1", "--tag", "a", client=client)
    assert client.asked == [("list", {"limit": "1", "tag": "a"})]
    assert "--cursor c1" in done.stderr
    assert "c1" not in done.stdout


def test_list_all_follows_the_cursors_and_prints_a_page_per_line() -> None:
    pages = [{"memories": [MEMORY], "next_cursor": c} for c in ("c1", "c2", None)]
    client = FakeClient({"list": list(pages)})
    done = run_soma("list", "--all", "--kind", "semantic", "--json", client=client)
    assert [json.loads(line) for line in done.stdout.splitlines()] == pages
    assert [asked for _, asked in client.asked] == [
        {"kind": "semantic"},
        {"kind": "semantic", "cursor": "c1"},
        {"kind": "semantic", "cursor": "c2"},
    ]


def test_delete_says_so_to_people_and_nothing_to_scripts() -> None:
    client = FakeClient()
    done = run_soma("delete", "-1.0,2", "--if-version", "2", client=client)
    assert done.stdout == "deleted -1,2\n"
    assert client.asked == [("delete", "-1,2", Condition(version=2), None)]
    assert run_soma("delete", "1", "--json", client=client).stdout == ""


def test_stats_are_flat_lines() -> None:
    shown = run_soma("stats", client=FakeClient()).stdout.splitlines()
    assert [line.split() for line in shown] == [["total", "1"], ["slab.rows", "1"],
                                                ["importance", "-"]]  # fmt: skip


def test_only_commands_that_store_may_make_a_data_directory() -> None:
    client = FakeClient()
    for args in (["store", "1", "x"], ["remember", "x"], ["get", "1"], ["list"], ["stats"],
                 ["recall", "x"], ["delete", "1"], ["store-bulk", "-"]):  # fmt: skip
        run_soma(*args, client=client, stdin="")
    assert [writes for _, writes in client.targets] == [True, True, *[False] * 5, True]


def test_the_namespace_of_the_line_goes_before_that_of_the_environment() -> None:
    client = FakeClient()
    env = {"SOMA_NAMESPACE": "from-env"}
    for args in ([], ["-n", "mine"]):
        run_soma("stats", *args, client=client, env=env)
    run_soma("stats", client=client)
    assert [t.namespace for t, _ in client.targets] == ["from-env", "mine", "default"]


def test_settings_prints_values_with_their_source_and_no_secret() -> None:
    env = {"SOMA_API_TOKEN": "hush-hush-hush-hush", "SFM_EMBEDDER": "hash", "SOMA_URL": "http://a"}
    done = run_soma("settings", "--json", env=env)
    rows = {row["name"]: row for row in json.loads(done.stdout)["settings"]}
    said = {name: (row["value"], row["source"]) for name, row in rows.items()}
    assert said["SFM_EMBEDDER"] == ("hash", "environment")
    assert said["SOMA_URL"] == ("http://a", "environment")
    assert said["SFM_HTTP_PORT"] == ("9595", "default")
    assert said["SOMA_API_TOKEN"] == ("***", "environment")
    table = run_soma("settings", env=env).stdout
    assert "hush" not in done.stdout + table
    assert "SFM_HTTP_PORT" in table


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = run_soma(name, "--help", env={})
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: soma {name}")


def test_the_version_is_that_of_the_package() -> None:
    assert run_soma("--version", env={}).stdout == "soma 0.1.0\n"


# -- streams and namespaces ----------------------------------------------------------------------


def sse(name: str, document: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()


FACTS = {"position": 7, "took_ms": 1.0, "degraded": ["keyword"]}


def cut(*parts: bytes, size: int = 7) -> list[bytes]:
    whole = b"".join(parts)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def test_a_streamed_recall_prints_each_hit_and_then_what_the_answer_says_beside() -> None:
    pieces = cut(
        sse("hit", HIT), b": alive\n\n", sse("hit", HIT | {"score": 0.5}), sse("done", FACTS)
    )
    client = FakeClient({"stream": pieces})
    done = run_soma("recall", "tea?", "--stream", "-k", "2", client=client)
    assert (done.exit_code, done.stderr) == (0, "")
    first, second, beside = done.stdout.splitlines()
    assert first.startswith("0.7500  -1,2.5  2026-05-01 12:34  Ada")
    assert "\x1b" not in done.stdout
    assert second.startswith("0.5000")
    assert beside == "without: keyword (did not answer)"
    [(_, method, path, _, body, media, accept)] = client.asked
    assert (method, path, media) == ("POST", "/recall", "application/json")
    assert accept == "text/event-stream"
    assert json.loads(body) == {"query": "tea?", "top_k": 2, "include": ["payload", "text"]}


def test_a_streamed_recall_prints_json_a_line_each() -> None:
    pieces = cut(sse("hit", HIT), sse("done", FACTS))
    done = run_soma("recall", "tea", "--stream", "--json", client=FakeClient({"stream": pieces}))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [HIT, FACTS]


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (cut(sse("hit", HIT)), "ended before it was whole"),
        (cut(b"<html>\n\n"), "no stream of events"),
        (
            cut(
                sse("error", {"type": "urn:sfm:error:unavailable", "status": 503, "detail": "gone"})
            ),
            "gone",
        ),
    ],
)
def test_a_stream_that_is_not_whole_is_a_failure(pieces: list[bytes], said: str) -> None:
    done = run_soma("recall", "tea", "--stream", client=FakeClient({"stream": pieces}))
    assert done.exit_code == 5
    assert said in done.stderr


def test_namespaces_are_listed_a_line_each_or_as_rest_says_it() -> None:
    assert run_soma("namespaces", client=FakeClient()).stdout == "acme\ndemo\n"
    empty = FakeClient({"namespaces": {"namespaces": []}})
    assert run_soma("namespaces", client=empty).stdout == "none yet\n"
    done = run_soma("namespaces", "--json", client=FakeClient())
    assert json.loads(done.stdout) == {"namespaces": ["acme", "demo"]}
    assert run_soma("namespaces").stdout == "none yet\n"  # the product itself
    assert run_soma("recall", "tea", "--stream").stdout == "nothing found\n"
