"""`make stack`: the whole system as separate processes, from nothing and back."""

import json
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from tests.chaos.stack_load import a_producer
from tests.servers.kafka import need_kafka
from tests.servers.stack import Stack

pytestmark = pytest.mark.e2e

SETTLED_S = 60.0
PAUSE_S = 0.05


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    need_kafka()
    folder = tmp_path_factory.mktemp("stack") / "a stack 100 % mine"
    made = Stack(folder, {"SOMA_API_TOKEN": "a-token-of-this-test-alone"})
    try:
        made.up()
        yield made
    finally:
        made.down()


def until[T](ask: Callable[[], T | None], what: str) -> T:
    """The first answer that is one."""
    due = time.monotonic() + SETTLED_S
    while time.monotonic() < due:
        found = ask()
        if found:
            return found
        pause()
    raise AssertionError(f"not in {SETTLED_S:g} s: {what}")


def pause() -> None:
    time.sleep(PAUSE_S)  # noqa: TID251 - other processes are waited for


def another(stack: Stack, program: str, killed: Collection[int | None]) -> bool:
    return stack.pid(program) not in killed


def killed_between_servers_and_services(stack: Stack) -> None:
    """A start that ends like a crash once its servers were told to start."""
    with stack.starting() as start:

        def servers_start() -> bool:
            assert start.poll() is None, "it was done too soon"
            return stack.folder.announced() is not None and stack.supervisor.pid() is not None

        until(servers_start, "the process manager")
        start.kill()
    assert all(stack.pid(service) is None for service in stack.endpoints.services)


def test_status_says_where_everything_answers(stack: Stack) -> None:
    said = stack.status()
    assert set(said) == {"api", "kafka", "postgres", "redis", "qdrant", "services"}
    assert said["services"]["api"]["url"] == said["api"]
    for name, service in said["services"].items():
        assert service["ready"], name
        assert httpx.get(f"{service['url']}/metrics").is_success


def test_what_is_stored_is_recalled(stack: Stack) -> None:
    with stack.client() as client:
        stored = client.put("/v1/stack/memories/1,2", json={"payload": {"text": "tea at four"}})
        assert stored.status_code == 201, stored.text
        recalled = client.post("/v1/stack/recall", json={"query": "tea"})
    assert [hit["coordinate"] for hit in recalled.json()["hits"]] == [[1, 2]]


async def test_what_somebody_else_publishes_is_recalled(stack: Stack) -> None:
    memory = str(uuid4())
    event = {
        "event_id": str(uuid4()),
        "id": memory,
        "namespace": "stack.foreign",
        "type": "created",
        "timestamp": datetime.now(UTC).isoformat(),
        "payload": {"text": "a violin in the attic"},
    }
    async with a_producer(stack.endpoints.kafka) as producer:
        for _ in range(2):
            await producer.send_and_wait(
                "memory.events", json.dumps(event).encode(), key=memory.encode()
            )

    def found() -> list[dict[str, Any]]:
        with stack.client() as client:
            answer = client.post("/v1/stack.foreign/recall", json={"query": "violin"})
        hits: list[dict[str, Any]] = answer.json()["hits"]
        return hits

    [hit] = await anyio.to_thread.run_sync(until, found, "the foreign memory in a recall")
    assert hit["payload"] == event["payload"]
    assert hit["version"] == 1


def test_a_second_start_says_that_it_runs(stack: Stack) -> None:
    before = stack.status()
    assert "is running already" in stack.up()
    assert stack.status() == before


def test_each_service_comes_back_when_it_is_killed(stack: Stack) -> None:
    killed = {name: stack.kill(name) for name in stack.endpoints.services}

    def all_back() -> dict[str, Any] | None:
        services: dict[str, Any] = stack.status()["services"]
        back = all(each["ready"] and each["pid"] != killed[n] for n, each in services.items())
        return services if back else None

    until(all_back, "every service ready again")


def test_each_server_comes_back_with_what_it_held(stack: Stack) -> None:
    with stack.client() as client:
        client.put("/v1/stack/memories/3", json={"payload": {"text": "rain in Lisbon"}})
        for server in ("postgres", "valkey", "kafka", "qdrant"):
            killed = {None, stack.kill(server)}
            until(partial(another, stack, server, killed), f"{server} again")

        def found() -> bool:
            answer = client.get("/v1/stack/memories/3")
            return answer.is_success and answer.json()["payload"]["text"] == "rain in Lisbon"

        assert until(found, "what was stored")


def test_stopping_leaves_nothing_and_a_new_start_finds_the_data(stack: Stack) -> None:
    with stack.client() as client:
        # the vector index may just be coming back, which the answer need not wait for
        stored = client.put(
            "/v1/stack/memories/9?wait=durable", json={"payload": {"text": "still there"}}
        )
        assert stored.is_success, stored.text
    assert len(stack.processes()) > len(stack.endpoints.services)
    stack.down()
    assert stack.processes() == []
    assert not [each for each in stack.path.rglob("*") if each.is_socket()]
    refused = stack.command("status")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no stack runs from" in refused.stderr
    assert "No stack was running" in stack.down()
    killed_between_servers_and_services(stack)
    assert "The stack is up" in stack.up()
    assert all(service["ready"] for service in stack.status()["services"].values())
    with stack.client() as client:
        assert client.get("/v1/stack/memories/9").json()["payload"] == {"text": "still there"}
