"""The checker of the chaos suite: a server that lies is caught, an honest one is not."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.chaos.mixed_load import PROBLEM, Actor, Progress, check

AT = "0,1"


@dataclass
class Server(httpx.AsyncBaseTransport):
    """Answers the first try of each store with 503 `durable: true`; keeps it, or does not."""

    honest: bool
    versions: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return self._store(request)
        if request.url.path.endswith("/memories"):
            live = [{"coordinate": [0, 1], "payload": each} for each in self.versions[-1:]]
            return httpx.Response(200, json={"memories": live, "next_cursor": None})
        if f"/{AT}/" not in request.url.path or not self.versions:
            return httpx.Response(404, text="Not Found")
        if request.url.path.endswith("/neighbors"):
            return httpx.Response(200, json={"neighbors": []})
        told = [{"version": n, "payload": one} for n, one in enumerate(self.versions, start=1)]
        return httpx.Response(200, json={"versions": told, "next_before": None})

    def _store(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        first = key not in self.seen
        self.seen.add(key)
        version = len(self.versions) + 1
        if self.honest or not first:
            self.versions.append(json.loads(request.content)["payload"])
        if not first:
            return httpx.Response(200, json={"version": version})
        problem = {"durable": True, "version": version, "coordinate": [0, 1]}
        headers = {"retry-after": "1", "content-type": PROBLEM}
        return httpx.Response(503, content=json.dumps(problem), headers=headers)


async def checked(server: Server) -> int:
    """What the check says of one store; nothing was asked for a second time."""
    async with httpx.AsyncClient(transport=server, base_url="http://sfm") as client:
        progress = Progress()
        actor = Actor(client, progress, 0, random.randrange(2**32))
        await actor._store(AT, actor.known[AT])
        assert (progress.durable, progress.retries) == (1, 0)
        return await check(client, [actor])


async def test_what_was_called_durable_and_is_not_there_is_found() -> None:
    with pytest.raises(AssertionError, match="Not Found"):
        await checked(Server(honest=False))


async def test_what_was_called_durable_and_is_there_passes() -> None:
    assert await checked(Server(honest=True)) == 1
