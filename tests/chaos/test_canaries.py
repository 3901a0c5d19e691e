"""Tenants cannot meet: secret words of twenty namespaces, looked for in every byte of every reply.

Ten namespaces are written to all the while, ten lie still; of the latter every answer must stay
the same to the byte, scores included, whatever the others do.
`SFM_TEST_CANARY_REPLIES` says how many replies are inspected (`make canaries`: 100 000).
"""

import os
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest

from sfm_api.app import create_app
from sfm_core.factory import open_runtime
from sfm_core.runtime.api_settings import ApiSettings
from sfm_core.runtime.core_settings import CoreSettings
from sfm_core.runtime.secret import Secret

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

TOKEN = "a-token-of-this-test"
REPLIES = int(os.environ.get("SFM_TEST_CANARY_REPLIES", "4000"))
SEED = int(os.environ.get("SFM_TEST_SEED", "0")) or random.randrange(2**32)
SPACES = 20
MEMORIES = 30
READERS = 8
QUERIES = 12
WORDS = (
    *("tea", "rain", "lisbon", "train", "garden", "violin"),
    *("soup", "harbour", "winter", "ledger", "bicycle", "kite"),
)

type Request = tuple[str, str, dict[str, Any]]
"""Method, path below the namespace, keywords of httpx."""


def secret_of(space: int) -> str:
    return f"canary{space:02d}zq{(space * 7919) % 9973:04d}"


def name_of(space: int) -> str:
    return f"tenant-{space:02d}"


@dataclass
class World:
    client: httpx.AsyncClient
    rng: random.Random
    inspected: int = 0
    told: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """First answer of each question to a namespace that lies still."""
    done: anyio.Event = field(default_factory=anyio.Event)

    async def ask(self, space: int, request: Request) -> httpx.Response:
        method, path, rest = request
        answer = await self.client.request(method, f"/v1/{name_of(space)}{path}", **rest)
        if answer.status_code == 503:  # too many runs of upkeep at once, and said so
            assert path == "/decay:run", answer.text
        else:
            assert answer.status_code < 500, answer.text
        self._inspect(space, answer)
        return answer

    def _inspect(self, space: int, answer: httpx.Response) -> None:
        seen = answer.content + str(answer.headers).encode()
        for other in range(SPACES):
            if other != space:
                assert secret_of(other).encode() not in seen, (space, other, answer.url.path)
                assert name_of(other).encode() not in seen, (space, other, answer.url.path)
        self.inspected += 1
        if self.inspected >= REPLIES:
            self.done.set()


def memory_of(space: int, number: int, words: random.Random) -> dict[str, object]:
    secret = secret_of(space)
    return {
        "payload": {
            "note": f"{secret} {' '.join(words.sample(WORDS, 3))} {number}",
            secret: number,
        },
        "tags": [secret],
        "session": f"{secret}-{number % 3}",
        "source": secret,
        "importance": words.choice([0.1, 1, 7]),
        "occurred_at": f"2026-01-{1 + number % 28:02d}T00:00:00Z",
    }


def a_read(world: World) -> Request:
    """A random read; it may ask for what only another namespace has."""
    rng = world.rng
    foreign = secret_of(rng.randrange(SPACES))
    number = rng.randrange(MEMORIES)
    query = {"query": f"{foreign} {rng.choice(WORDS)}", "top_k": 10, "explain": True}
    choices: list[Callable[[], Request]] = [
        lambda: ("POST", "/recall", {"json": query}),
        lambda: ("POST", "/recall", {"json": query | {"filter": {"@source": foreign}}}),
        lambda: ("POST", "/recall:batch", {"json": {"queries": [query, query | {"top_k": 3}]}}),
        lambda: ("GET", f"/memories/{number},1", {}),
        lambda: ("GET", "/memories", {"params": {"tag": foreign, "limit": "20"}}),
        lambda: ("GET", "/memories", {"params": {"limit": "5"}}),
        lambda: ("GET", "/stats", {}),
        lambda: ("GET", f"/memories/{number},1/history", {}),
        lambda: ("GET", f"/memories/{number},1/neighbors", {}),
        lambda: ("GET", "/path", {"params": {"from": f"{number},1", "to": "0,1"}}),
        lambda: ("GET", "/range", {"params": {"min": "0,0", "max": "99,99", "limit": "20"}}),
        lambda: ("POST", "/keyword-search", {"json": {"term": foreign}}),
        lambda: ("POST", "/keyword-search", {"json": {"term": rng.choice(WORDS)}}),
        lambda: ("GET", "/events", {"params": {"limit": "20"}}),
        lambda: ("GET", "/export", {"params": {"history": "true"}}),
        lambda: ("POST", "/decay:run", {"json": {"dry_run": True}}),
        lambda: ("POST", "/recall", {"json": query | {"graph_hops": 2, "include": ["links"]}}),
    ]
    return rng.choice(choices)()


@asynccontextmanager
async def a_world(dsn: str) -> AsyncGenerator[World]:
    core = CoreSettings(postgres_url=Secret(dsn), embedder="hash")
    async with open_runtime(core) as runtime:
        app = create_app(runtime, ApiSettings(api_token=Secret(TOKEN)))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://sfm",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=120,
        ) as client:
            yield World(client, random.Random(SEED))


async def _fill(world: World, space: int) -> None:
    words = random.Random(f"{SEED} {space}")
    items = [
        memory_of(space, number, words) | {"coordinate": [number, 1]} for number in range(MEMORIES)
    ]
    answer = await world.ask(space, ("POST", "/memories:batch", {"json": {"items": items}}))
    assert {result["status"] for result in answer.json()["results"]} == {201}
    for number in range(1, MEMORIES):
        link = {"from": [number, 1], "to": [number // 2, 1], "type": secret_of(space)}
        await world.ask(space, ("PUT", "/links", {"json": link}))


async def _write(world: World, space: int) -> None:
    """Stores, changes and deletes for as long as the test goes on."""
    words = random.Random(f"{SEED} busy {space}")
    number = MEMORIES
    while not world.done.is_set():
        number += 1
        body = memory_of(space, number, words)
        at = f"/memories/{words.randrange(3 * MEMORIES)},1"
        if words.random() < 0.2:
            await world.ask(space, ("DELETE", at, {}))
        elif words.random() < 0.5:
            await world.ask(space, ("PUT", at, {"json": body}))
        else:
            await world.ask(space, ("POST", "/memories", {"json": body}))


async def _read(world: World) -> None:
    while not world.done.is_set():
        space = world.rng.randrange(SPACES)
        await world.ask(space, a_read(world))


async def _compare(world: World, still: Mapping[int, list[dict[str, object]]]) -> None:
    """The same questions to namespaces that lie still, again and again."""
    while not world.done.is_set():
        space = world.rng.choice(list(still))
        number = world.rng.randrange(QUERIES)
        answer = await world.ask(space, ("POST", "/recall", {"json": still[space][number]}))
        document = answer.json()
        del document["took_ms"]
        said = repr(document).encode()
        assert world.told.setdefault((space, number), said) == said


def _questions(space: int) -> list[dict[str, object]]:
    words = random.Random(f"{SEED} questions {space}")
    asked = f"{secret_of(space)} {secret_of((space + 2) % SPACES)}"
    return [
        {"query": f"{asked} {' '.join(words.sample(WORDS, 3))}", "explain": True, "top_k": 20}
        for _ in range(QUERIES)
    ]


async def test_no_reply_holds_a_foreign_word_nor_feels_a_foreign_write(
    module_database: str,
) -> None:
    print(f"seed {SEED}: SFM_TEST_SEED={SEED} repeats it")
    async with a_world(module_database) as world:
        for space in range(SPACES):
            await _fill(world, space)
        still = {space: _questions(space) for space in range(0, SPACES, 2)}
        async with anyio.create_task_group() as tasks:
            for space in range(1, SPACES, 2):
                tasks.start_soon(_write, world, space)
            for _ in range(READERS):
                tasks.start_soon(_read, world)
            tasks.start_soon(_compare, world, still)
        assert world.inspected >= REPLIES
        assert len(world.told) > QUERIES
