"""Bad input over the product's own judges, in process."""

import json

import pytest

from tests.unit.sfm_cli.soma_runner import run_soma


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["store", "1,x", "tea"], 4, "/coordinate/1: axis 1 is not a decimal number"),
        (["get", ",".join("1" * 17)], 4, "/coordinate: a coordinate has 1 to 16"),
        (["store", "1", '{"a": NaN}'], 4, "/payload/a: is not a finite number"),
        (["store", "1", '{"a": 1, "a": 2}'], 4, "/payload/a: is a duplicate key"),
        (["store", "1", '{"a": '], 4, "/payload: is not JSON"),
        (["store", "1", "[1]"], 4, "/payload: must be an object"),
        (["store", "1", "tea", "--importance", "nan"], 4, "/importance: is not a finite number"),
        (["store", "1", "tea", "--tag", ""], 4, "/tags/0: must not be empty"),
        (["store", "1", "tea", "--occurred-at", "noon"], 4, "/occurred_at: must be an RFC 3339"),
        (["store", "1", "tea", "--session", "s" * 257], 4, "/session: must have at most 256"),
        (["store", "1", "te\udcffa"], 4, "/payload/text: holds a lone surrogate"),
        (["store", "1", "te\0a"], 4, "/payload/text: holds U+0000"),
        (["store", "1", "tea", "--idempotency-key", "a b"], 4, "/Idempotency-Key: must be"),
        (["store", "1", "tea", "--if-version", "1"], 7, "not what the request expects"),
        (["remember", "tea", "-n", "Bad Name"], 4, "/namespace: a namespace matches"),
        (["remember", "tea", "-n", ""], 4, "/namespace: a namespace matches"),
        (["get", "9"], 3, "no memory lives there"),
        (["delete", "9"], 3, "nothing was ever stored there"),
        (["recall", " "], 4, "/query: must not be blank"),
        (["recall", "tea", "-k", "0"], 4, "/top_k: must lie between 1 and 200"),
        (["recall", "tea", "--filter", "{"], 4, "/filter: is not JSON (line 1"),
        (["recall", "tea", "--filter", '{"@bad": 1}'], 4, "/filter/@bad: is not a system field"),
        (["recall", "tea", "--weights", '{"vektor": 1}'], 4, "/weights/vektor: is not a known"),
        (["recall", "tea", "--box", "0,0:1"], 4, "/box/max: must have as many numbers as min"),
        (["recall", "tea", "--box", "0,y:1,1"], 4, "/box/min/1: axis 1 is not a decimal number"),
        (["recall", "tea", "--include", "soul"], 4, "/include/0: must be one of payload, text"),
        (["recall", "tea", "--min-score", "inf"], 4, "/min_score: is not a finite number"),
        (["list", "--filter", "{"], 4, "/filter: is not JSON (line 1"),
        (
            ["recall", "tea", "--budget-tokens", "0"],
            4,
            "/budget_tokens: must lie between 1 and 10000000",
        ),
        (["list", "--limit", "0"], 4, "/limit: must be an integer between 1 and 1000"),
        (["list", "--cursor", "x"], 4, "cursor"),
        (["list", "--tag", "\udcff"], 4, "/tag: is not UTF-8"),
    ],
)
def test_bad_input_is_refused_with_its_code_and_path(args: list[str], code: int, said: str) -> None:
    done = run_soma(*args)
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("soma: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SFM_EMBEDER": "hash"}, "did you mean SFM_EMBEDDER?"),
        ({"SOMA_URL": "localhost:9595"}, "the server's URL is like http://"),
        ({"SOMA_URL": "ftp://a"}, "the server's URL is like http://"),
        ({"SOMA_URL": "http://me:secret@a"}, "holds no user"),
        ({"SOMA_API_TOKEN_FILE": "/no/such/file"}, "SOMA_API_TOKEN_FILE cannot be read"),
        ({"POSTGRES_URL": "memory://", "POSTGRES_POOL_SIZE": "0"}, "POSTGRES_POOL_SIZE"),
    ],
)
def test_a_wrong_setting_ends_with_8_and_names_the_variable(env: dict[str, str], said: str) -> None:
    done = run_soma("get", "1", env=env)
    assert (done.exit_code, done.stdout) == (8, "")
    assert said in done.stderr
    assert "secret" not in done.stderr
    for command in ("settings", "migrate", "serve"):
        if "SOMA_URL" not in env:
            assert run_soma(command, env=env).exit_code == 8


def test_there_is_no_schema_to_migrate_in_memory() -> None:
    done = run_soma("migrate")
    assert (done.exit_code, done.stderr) == (8, "soma: POSTGRES_URL names no database to migrate\n")


def test_in_process_a_memory_is_stored_by_the_rules_of_rest() -> None:
    done = run_soma("store", "-0,2.50", "tea", "--json")
    assert done.exit_code == 0
    assert '"coordinate":[0,2.5]' in done.stdout


@pytest.mark.parametrize("command", [["settings"], ["migrate"], ["model", "list"], ["stats"]])
def test_whatever_command_fails_tells_it_as_a_document_when_asked(command: list[str]) -> None:
    done = run_soma(*command, "--json", env={"SFM_EMBEDER": "hash"})
    assert done.exit_code == 8
    assert json.loads(done.stderr)["type"] == "urn:sfm:error:misconfigured"
