"""A slice of `make fuzz`: no 5xx, no stack trace, nothing written by what was refused.

`SFM_FUZZ_REQUESTS` says how many; each seed is printed, and `make fuzz A="--seed S --first N"`
sends the same requests again.
"""

import os
import secrets
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp

from sfm_api import contract
from tests.fuzz import running
from tests.fuzz.calling import Answer, call
from tests.fuzz.requests import Request, request_of
from tests.fuzz.running import fuzz
from tests.servers.postgres import TestPostgres

pytestmark = pytest.mark.integration

REQUESTS = int(os.environ.get("SFM_FUZZ_REQUESTS", "3000"))
OVER_SOCKETS = 200


@pytest.fixture
def databases(postgres_server: TestPostgres, fresh_database: str) -> tuple[str, str]:
    """The DSNs of the application and of the one who watches it."""
    name = urlsplit(fresh_database).path
    return fresh_database, urlsplit(postgres_server.admin_dsn)._replace(path=name).geturl()


@pytest.mark.parametrize("over_a_socket", [False, True], ids=["in process", "over a socket"])
async def test_bad_requests_are_refused_and_leave_no_trace(
    databases: tuple[str, str], over_a_socket: bool
) -> None:
    dsn, admin_dsn = databases
    seed, count = secrets.randbelow(2**31), OVER_SOCKETS if over_a_socket else REQUESTS
    print(f"seed {seed}")
    report = await fuzz(
        seed, range(count), dsn=dsn, admin_dsn=admin_dsn, over_a_socket=over_a_socket
    )
    assert not report.faults, "\n".join([f"seed {seed}", *report.faults[:5]])
    assert report.refused > count // 2
    if not over_a_socket:
        assert report.compared
        known = {operation.id for operation in contract.OPERATIONS if operation.needs}
        assert known <= set(report.calls)


async def test_a_refusal_that_writes_is_a_fault(
    databases: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: what was stored is reported as refused."""

    async def lying(app: ASGIApp, request: Request, token: str) -> Answer:
        answer = await call(app, request, token)
        refused = Answer(422, "application/problem+json", b'{"status": 422}')
        return refused if answer.status == 201 and request.number >= 0 else answer

    monkeypatch.setattr(running, "call", lying)
    report = await fuzz(7, range(400), dsn=databases[0], admin_dsn=databases[1])
    assert any("it was refused, but wrote memories" in fault for fault in report.faults)


async def test_a_bug_in_a_handler_is_a_fault(
    databases: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr("sfm_core.decode.range_query", broken)
    report = await fuzz(7, range(2000), dsn=databases[0], admin_dsn=databases[1])
    assert any(fault.startswith("a 500") for fault in report.faults)
    assert any("request.crashed" in fault for fault in report.faults)


def test_a_request_is_made_of_its_seed_and_number() -> None:
    assert request_of(1, 5) == request_of(1, 5)
    assert len({request_of(1, number).told() for number in range(50)}) == 50
    assert request_of(1, 5) != request_of(2, 5)
