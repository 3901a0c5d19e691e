"""`soma export` and `soma import`, in this process and over a fake."""

import json
from pathlib import Path
from typing import Any

from sfm_core.errors import Unavailable
from tests.unit.sfm_cli.soma_runner import FakeClient, run_soma

SUMMARY = {
    "sfm": "imported", "created": 1, "updated": 0, "deleted": 0, "unchanged": 2, "kept": 0,
    "failed": 0, "lines": 5, "complete": True, "position": 9,
}  # fmt: skip
END = {"sfm": "end", "lines": 3, "memories": 2, "versions": 0, "samples": 1, "digest": "d"}
HEAD = {"sfm": "export", "format": 1, "model_revision": "r"}
BAD = {
    "line": 2,
    "status": 422,
    "error": {
        "type": "urn:sfm:error:invalid",
        "title": "Invalid input",
        "status": 422,
        "detail": "no",
        "errors": [{"path": "/payload", "message": "is required"}],
    },
}


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_plain_memories_are_imported_and_each_line_is_told_of() -> None:
    lines = b'{"coordinate":[1],"payload":{"a":1}}\n\n{"coordinate":[2]}\n'
    told = run_soma("import", "-", stdin=lines)
    assert told.exit_code == 1
    assert told.stderr == "soma: line 3: /payload: is required\n"
    assert told.stdout == "imported up to line 3: 1 created, 1 failed\n"
    told = run_soma("import", "-", "--json", stdin=lines)
    first, second, summary = documents(told.stdout)
    assert (first["line"], first["outcome"], second["status"]) == (1, "created", 422)
    assert (summary["failed"], summary["complete"]) == (1, None)


def test_an_export_of_nothing_is_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    done = run_soma("export", str(file))
    assert (done.exit_code, done.stderr) == (0, "exported nothing\n")
    head, end = documents(file.read_text())
    assert (head["sfm"], end["sfm"]) == ("export", "end")
    again = run_soma("import", str(file))
    assert (again.exit_code, again.stdout) == (0, "imported up to line 2: nothing\n")
    assert [p.name for p in tmp_path.iterdir()] == ["all.ndjson"]


def test_an_export_that_broke_off_leaves_no_file_and_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text("the export of yesterday")
    failed = {"sfm": "failed", "error": {"type": "urn:sfm:error:unavailable", "detail": "gone"}}
    for stream in ([HEAD], [HEAD, failed], [HEAD, Unavailable("gone")]):
        done = run_soma("export", str(file), client=FakeClient({"stream": stream}))
        assert done.exit_code == 5, stream
        assert file.read_text() == "the export of yesterday"
    assert [p.name for p in tmp_path.iterdir()] == ["all.ndjson"]


def test_an_export_goes_to_stdout_as_it_is_and_its_sum_to_stderr() -> None:
    client = FakeClient({"stream": [HEAD, END]})
    done = run_soma("export", "--history", "--vectors", client=client)
    assert documents(done.stdout) == [HEAD, END]
    assert done.stderr == "exported 2 memories\n"
    asked = ("stream", "GET", "/export", {"history": "true", "vectors": "true"}, b"", "")
    assert client.asked == [asked]


def test_an_import_sends_the_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    file.write_bytes(b"x\r\n" * 100_000)
    client = FakeClient({"stream": [SUMMARY]})
    done = run_soma("import", str(file), "--mode", "replace", client=client)
    assert done.stdout == "imported up to line 5: 1 created, 2 unchanged\n"
    [(_, method, path, params, sent, media)] = client.asked
    assert (method, path, params) == ("POST", "/import", {"mode": "replace"})
    assert (sent, media) == (file.read_bytes(), "application/x-ndjson")
    assert client.targets[0][1] is True


def test_what_went_wrong_is_said_and_how_to_go_on() -> None:
    for stream, code, said in (
        ([BAD, SUMMARY | {"failed": 1}], 1, "soma: line 2: /payload: is required\n"),
        ([SUMMARY | {"complete": False}], 1, "soma: the export was cut or changed: "),
        ([BAD], 5, "run it again"),
        ([BAD, Unavailable("gone")], 5, "run it again"),
        (
            [SUMMARY | {"error": {"type": "urn:sfm:error:unavailable", "detail": "gone"}}],
            5,
            "soma: stopped after line 5; run it again",
        ),
    ):
        done = run_soma("import", "-", stdin="", client=FakeClient({"stream": stream}))
        assert done.exit_code == code, stream
        assert said in done.stderr, stream
