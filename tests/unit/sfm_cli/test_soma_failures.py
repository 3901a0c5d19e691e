"""Exit codes, and how a failure is told."""

import json
from pathlib import Path

import pytest

from sfm_cli.failures import CODES, MEANINGS, ExitCode, Failure
from sfm_core.errors import (
    Conflict,
    Corrupt,
    DeadlineExceeded,
    ErrorKind,
    Fault,
    Forbidden,
    InvalidInput,
    KeyReused,
    Misconfigured,
    NotFound,
    PreconditionFailed,
    RateLimited,
    SfmError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from tests.unit.sfm_cli.soma_runner import FakeClient, run_soma

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"


def test_every_kind_of_error_has_an_exit_code() -> None:
    assert set(CODES) == set(ErrorKind)
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("x"), 4),
        (TooLarge("x"), 4),
        (KeyReused("x"), 4),
        (NotFound("x"), 3),
        (Unavailable("x"), 5),
        (DeadlineExceeded("x"), 5),
        (RateLimited("x"), 5),
        (Unauthenticated("x"), 6),
        (Forbidden("x"), 6),
        (Conflict("x"), 7),
        (PreconditionFailed("x"), 7),
        (Misconfigured("x"), 8),
        (Corrupt("x"), 1),
    ],
)
def test_a_failure_ends_with_its_code_and_one_line(error: SfmError, code: int) -> None:
    done = run_soma("get", "1", client=FakeClient({"get": error}))
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", "soma: x\n")


def test_each_fault_gets_a_line_with_its_path() -> None:
    faults = [Fault("/tags/3", "must be a string"), Fault("", "is odd")]
    error = InvalidInput("two faults", faults=faults)
    done = run_soma("remember", "x", client=FakeClient({"remember": error}))
    assert done.stderr == "soma: /tags/3: must be a string\nsoma: is odd\n"


def test_with_json_stderr_is_the_problem_document() -> None:
    error = InvalidInput("bad", path="/kind")
    done = run_soma("remember", "x", "--json", client=FakeClient({"remember": error}))
    assert (done.exit_code, done.stdout) == (4, "")
    assert json.loads(done.stderr) == {
        "type": "urn:sfm:error:invalid",
        "title": "Invalid input",
        "status": 422,
        "detail": "bad",
        "errors": [{"path": "/kind", "message": "bad"}],
    }


def test_an_internal_error_of_a_server_is_told_with_its_request_id() -> None:
    document = {"type": "urn:sfm:error:internal", "detail": "see the log", "request_id": "r-1"}
    done = run_soma("get", "1", client=FakeClient({"get": Failure(document)}))
    assert (done.exit_code, done.stderr) == (1, "soma: see the log (request id r-1)\n")


@pytest.mark.parametrize(("status", "code"), [(405, 4), (418, 4), (502, 5), (None, 5)])
def test_a_kind_that_is_not_known_goes_by_its_status(status: int | None, code: int) -> None:
    failure = Failure({"type": "urn:sfm:error:something-new", "status": status})
    done = run_soma("get", "1", client=FakeClient({"get": failure}))
    assert (done.exit_code, done.stderr) == (code, "soma: failed\n")


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["get"],
        ["get", "1", "--colour", "red"],
        ["store", "1"],
        ["store", "1", ""],
        ["store", "1", "x", "--importance", "much"],
        ["store", "1", "x", "--kind", "vague"],
        ["store", "1", "x", "--if-version", "0"],
        ["store", "1", "x", "--if-version", "1", "--if-absent"],
        ["store", "1", "@no-such-file"],
        ["recall", "x", "--box", "1,2"],
        ["store-bulk", "no-such-file.ndjson"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_asks_nothing(args: list[str]) -> None:
    client = FakeClient()
    done = run_soma(*args, client=client)
    assert (done.exit_code, done.stdout, client.asked) == (2, "", [])
    assert "Error: " in done.stderr


def test_the_codes_are_in_the_help_and_in_the_docs() -> None:
    shown = run_soma("--help", env={}).stdout
    documented = DOCS.read_text()
    for code, meaning in MEANINGS.items():
        assert meaning in " ".join(shown.split())
        assert f"| {int(code)} | {meaning} |" in documented
