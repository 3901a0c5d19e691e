import orjson
import pytest

from sfm_core import errors
from sfm_core.errors import ErrorKind, Fault, InvalidInput, SfmError, VectorIndexUnavailable
from sfm_core.runtime.wire import MAX_FAULTS, WIRE, problem, status_of


def test_every_kind_has_a_status() -> None:
    assert set(WIRE) == set(ErrorKind)


def test_every_error_class_has_a_kind_of_its_own_or_its_parents() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, SfmError)]
    assert len(classes) > 10
    assert {c.kind for c in classes} == set(ErrorKind)


@pytest.mark.parametrize(
    ("kind", "http", "grpc"),
    [
        ("malformed", 400, 3),
        ("unauthenticated", 401, 16),
        ("forbidden", 403, 7),
        ("not-found", 404, 5),
        ("conflict", 409, 10),
        ("precondition-failed", 412, 9),
        ("too-large", 413, 8),
        ("invalid", 422, 3),
        ("key-reused", 422, 3),
        ("rate-limited", 429, 8),
        ("unavailable", 503, 14),
        ("deadline-exceeded", 504, 4),
        ("misconfigured", 500, 13),
        ("corrupt", 500, 15),
        ("internal", 500, 13),
    ],
)
def test_the_statuses_are_those_of_the_contract(kind: str, http: int, grpc: int) -> None:
    status = WIRE[ErrorKind(kind)]
    assert (status.http, status.grpc) == (http, grpc)


def test_a_problem_lists_each_fault_with_its_path() -> None:
    error = InvalidInput("2 faults", faults=[Fault("/tags/3", "no"), Fault("/kind", "never")])
    assert problem(error, "r-1") == {
        "type": "urn:sfm:error:invalid",
        "title": "Invalid input",
        "status": 422,
        "detail": "2 faults",
        "request_id": "r-1",
        "errors": [
            {"path": "/tags/3", "message": "no"},
            {"path": "/kind", "message": "never"},
        ],
    }


def test_a_problem_lists_a_bounded_number_of_faults() -> None:
    many = InvalidInput("many", faults=[Fault(f"/{i}", "no") for i in range(5000)])
    listed = problem(many, "r")["errors"]
    assert isinstance(listed, list)
    assert len(listed) == MAX_FAULTS


def test_a_durable_write_says_so_with_where_it_is() -> None:
    error = VectorIndexUnavailable("not indexed", coordinate="1,2", version=3, position=9)
    document = problem(error, "r")
    assert document["durable"] is True
    assert (document["coordinate"], document["version"], document["position"]) == ([1, 2], 3, 9)


@pytest.mark.parametrize(
    "error",
    [KeyError("dsn=postgres://secret"), errors.Corrupt("row secret"), SfmError("secret")],
)
def test_what_callers_can_do_nothing_about_stays_in_the_log(error: Exception) -> None:
    document = problem(error, "r-9")
    assert status_of(error).http == document["status"] == 500
    assert b"secret" not in orjson.dumps(document)
    assert document["request_id"] == "r-9"
