"""`--wait` of the writes, and what they say when the vector index is away."""

import httpx
import pytest

from sfm_cli.failures import ExitCode
from sfm_cli.rest import RestClient
from sfm_core.coordinates import Coordinate
from sfm_core.errors import VectorIndexUnavailable
from tests.unit.sfm_cli.soma_runner import STORED, FakeClient, run_soma

ARGUMENTS = {
    "store": ("store", "1", "tea"),
    "remember": ("remember", "tea"),
    "delete": ("delete", "1"),
    "patch": ("patch", "1", '{"a":1}'),
    "restore": ("restore", "1", "1"),
    "delete-many": ("delete-many", "1"),
}
ANSWERS = {"call": {**STORED, "deleted": 1}}


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_write_says_what_it_waits_for(command: str) -> None:
    waiting, plain = FakeClient(dict(ANSWERS)), FakeClient(dict(ANSWERS))
    assert run_soma(*ARGUMENTS[command], "--wait", "durable", client=waiting).exit_code == 0
    assert run_soma(*ARGUMENTS[command], "--wait", "indexed", client=plain).exit_code == 0
    assert "durable" in str(waiting.asked)
    assert "durable" not in str(plain.asked)
    assert "indexed" not in str(plain.asked)


def test_another_wait_is_a_wrong_command_line() -> None:
    done = run_soma("store", "1", "tea", "--wait", "soon", client=FakeClient())
    assert done.exit_code == ExitCode.USAGE


def test_that_it_is_stored_all_the_same_is_said() -> None:
    at = Coordinate("1")
    error = VectorIndexUnavailable("it is stored", coordinate=at.text, version=1, position=7)
    done = run_soma("store", "1", "tea", client=FakeClient({"store": error}))
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert done.stderr.splitlines() == ["soma: it is stored"]


async def test_a_bulk_takes_what_is_durable_for_stored() -> None:
    results = [STORED | {"index": 0, "status": 201, "indexed": False}]
    problem = {"durable": True, "detail": "later", "results": results, "position": 7}

    def answer(request: httpx.Request) -> httpx.Response:
        del request
        headers = {"Content-Type": "application/problem+json"}
        return httpx.Response(503, json=problem, headers=headers)

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://sfm.test") as http:
        reply = await RestClient(http, "demo").store_bulk([b"{}"], key="k")
    assert reply.document["results"] == results
