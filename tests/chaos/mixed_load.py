"""Clients that store, change, delete, restore and read, and know exactly what must be there.

Each actor has places of its own and does one thing at a time, with an `Idempotency-Key` on every
write and the same request again until there is an answer. So after each answer it knows the
version and the payload of every place of its own, and of each earlier version.
"""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

PLACES = 6
AGAIN_S = 0.05
ALL = 100
"""More than all actors have places."""
NAMESPACE = "mixed"
PROBLEM = "application/problem+json"


@dataclass
class Known:
    """What an actor knows of one place: the payload of each version, None for a deletion."""

    versions: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def version(self) -> int:
        return len(self.versions)

    @property
    def payload(self) -> dict[str, Any] | None:
        return self.versions[-1] if self.versions else None


@dataclass
class Progress:
    """What all actors did together."""

    acknowledged: int = 0
    retries: int = 0
    durable: int = 0
    """Writes refused by the vector index alone: they have to be there all the same."""
    reads: int = 0
    refused_reads: int = 0
    _wanted: int = field(default=0, repr=False)
    _enough: anyio.Event = field(default_factory=anyio.Event, repr=False)

    def acknowledge(self) -> None:
        self.acknowledged += 1
        if self.acknowledged >= self._wanted:
            self._enough.set()

    async def some_more(self, count: int, *, within_s: float) -> None:
        """Until so many writes more were acknowledged."""
        self._wanted = self.acknowledged + count
        self._enough = anyio.Event()
        with anyio.fail_after(within_s):
            await self._enough.wait()


class Actor:
    def __init__(
        self,
        client: httpx.AsyncClient,
        progress: Progress,
        number: int,
        seed: int,
        *,
        namespace: str = NAMESPACE,
        pause_s: float = 0.0,
    ) -> None:
        """`pause_s`: between one thing and the next."""
        self.namespace = namespace
        self._pause_s = pause_s
        self._client = client
        self._progress = progress
        self._number = number
        self._rng = random.Random(f"{seed} {number}")
        self._done = 0
        self.known = {f"{number},{place}": Known() for place in range(PLACES)}
        self.links: dict[tuple[str, str], float] = {}
        """Weights, by the two ends."""

    async def run(self, stopping: anyio.Event) -> None:
        steps: list[Callable[[str, Known], Awaitable[None]]] = [
            self._store, self._store, self._patch, self._delete, self._restore, self._batch,
            self._link, self._link, self._get, self._recall,
        ]  # fmt: skip
        while not stopping.is_set():
            at = self._rng.choice(list(self.known))
            await self._rng.choice(steps)(at, self.known[at])
            await anyio.sleep(self._pause_s)

    # -- writes ----------------------------------------------------------------------------

    async def _store(self, at: str, known: Known) -> None:
        payload = self._payload(at)
        answer = await self._write("PUT", f"/memories/{at}", {"payload": payload})
        self._took(answer, known, payload, {200, 201})

    async def _patch(self, at: str, known: Known) -> None:
        changed = self._payload(at)
        answer = await self._write("PATCH", f"/memories/{at}", {"payload": changed})
        if known.payload is None:
            assert answer.status_code == 404, answer.text
        else:
            self._took(answer, known, known.payload | changed, {200})

    async def _delete(self, at: str, known: Known) -> None:
        answer = await self._write("DELETE", f"/memories/{at}", None)
        if not known.version:
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code == 204 or is_durable(answer), answer.text
        if known.payload is not None:
            known.versions.append(None)
            self.links = {ends: weight for ends, weight in self.links.items() if at not in ends}

    async def _link(self, at: str, known: Known) -> None:
        other = self._rng.choice([place for place in self.known if place != at])
        weight = float(self._rng.randrange(1, 9))
        body = {"from": _numbers(at), "to": _numbers(other), "weight": weight}
        answer = await self._write("PUT", "/links", body)
        if known.payload is None or self.known[other].payload is None:
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code in {200, 201}, answer.text
        self.links[at, other] = weight

    async def _restore(self, at: str, known: Known) -> None:
        live = [i + 1 for i, payload in enumerate(known.versions) if payload is not None]
        if not live:
            return
        version = self._rng.choice(live)
        payload = known.versions[version - 1]
        answer = await self._write("POST", f"/memories/{at}:restore", {"version": version})
        assert answer.status_code == 200 or is_durable(answer), answer.text
        if answer.json()["version"] > known.version:
            self._took(answer, known, payload, {200})
        else:
            assert known.payload == payload, "a restore that did nothing had something to do"

    async def _batch(self, at: str, known: Known) -> None:
        del at, known
        places = self._rng.sample(list(self.known), 3)
        payloads = [self._payload(place) for place in places]
        items = [
            {"coordinate": _numbers(place), "payload": payload}
            for place, payload in zip(places, payloads, strict=True)
        ]
        answer = await self._write("POST", "/memories:batch", {"items": items})
        assert answer.status_code == 200 or is_durable(answer), answer.text
        for place, payload, result in zip(places, payloads, answer.json()["results"], strict=True):
            known = self.known[place]
            assert result["version"] == known.version + 1, (place, result, known)
            known.versions.append(payload)

    def _payload(self, at: str) -> dict[str, Any]:
        self._done += 1
        return {"word": f"w{at.replace(',', 'x')}", "step": self._done}

    def _took(
        self,
        answer: httpx.Response,
        known: Known,
        payload: dict[str, Any] | None,
        statuses: set[int],
    ) -> None:
        assert answer.status_code in statuses or is_durable(answer), answer.text
        assert answer.json()["version"] == known.version + 1, (answer.text, known)
        known.versions.append(payload)

    async def _write(self, method: str, path: str, body: object) -> httpx.Response:
        """The answer, or a 503 that says that it is durable: it is not asked for again then."""
        self._done += 1
        headers = {"Idempotency-Key": f"{self._number}-{self._done}"}
        while True:
            answer = await self._asked(method, path, body, headers)
            if answer is not None:
                self._progress.durable += is_durable(answer)
                self._progress.acknowledge()
                return answer
            self._progress.retries += 1
            await anyio.sleep(AGAIN_S)

    # -- reads -----------------------------------------------------------------------------

    async def _get(self, at: str, known: Known) -> None:
        answer = await self._asked("GET", f"/memories/{at}", None, {})
        if answer is None:
            return
        if known.payload is None:
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["version"], found["payload"]) == (known.version, known.payload)

    async def _recall(self, at: str, known: Known) -> None:
        """By words: this memory alone. By meaning too: of all places of ours what is true now."""
        mode = self._rng.choice(("keyword", "vector", "hybrid"))
        asked = {"query": f"w{at.replace(',', 'x')}", "mode": mode, "top_k": ALL}
        answer = await self._asked("POST", "/recall", asked, {})
        if answer is None:
            return
        assert answer.status_code == 200, answer.text
        if mode != "keyword":
            self._judge(answer.json(), at)
            return
        hits = [(hit["version"], hit["payload"]) for hit in answer.json()["hits"]]
        wanted = [] if known.payload is None else [(known.version, known.payload)]
        assert hits == wanted, (at, answer.text, known)

    def _judge(self, told: dict[str, Any], at: str) -> None:
        hits = {",".join(map(str, hit["coordinate"])): hit for hit in told["hits"]}
        for place, hit in hits.items():
            if place in self.known:
                known = self.known[place]
                assert (hit["version"], hit["payload"]) == (known.version, known.payload), hit
        if self.known[at].payload is not None and not told["degraded"]:
            assert at in hits, (at, told)

    async def _asked(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> httpx.Response | None:
        """The answer; None when the server was away, or said so and kept nothing."""
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            answer = await self._client.request(
                method,
                f"/v1/{self.namespace}{path}",
                content=None if body is None else json.dumps(body),
                headers=headers,
            )
        except httpx.TransportError:
            return None
        if answer.status_code == 503:
            assert (
                answer.headers["content-type"] == "application/problem+json" or not answer.content
            )
            assert answer.headers["retry-after"]
            return answer if is_durable(answer) else None
        self._progress.reads += method == "GET"
        return answer


def is_durable(answer: httpx.Response) -> bool:
    """Whether it is a 503 that promises that what was written stays."""
    if answer.status_code != 503 or not answer.content:
        return False
    return bool(answer.json().get("durable", False))


async def check(client: httpx.AsyncClient, actors: list[Actor]) -> int:
    """Every place has exactly the versions its actor knows, and there is no other place.

    The actors are all there were in their one namespace. Gives how many versions that were.
    """
    [namespace] = {actor.namespace for actor in actors}
    versions = 0
    live: dict[str, dict[str, Any]] = {}
    for actor in actors:
        for at, known in actor.known.items():
            versions += known.version
            if known.payload is not None:
                live[at] = known.payload
            await check_history(client, namespace, at, known)
            await _check_links(client, namespace, at, known, actor.links)
    assert await listed(client, namespace) == live
    return versions


async def check_digests(client: httpx.AsyncClient, namespace: str) -> None:
    """What this process holds in memory is what PostgreSQL holds, as it was and built anew."""
    await client.post(f"/v1/{namespace}/recall", json={"query": "stillness"})  # loads the view
    for projection in ("slab", "lexical", "graph"):
        answer = await client.post(f"/v1/{namespace}/rebuild", json={"projection": projection})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["before"] == told["after"] == told["truth"], told


async def check_history(client: httpx.AsyncClient, namespace: str, at: str, known: Known) -> None:
    """The place has exactly the versions that are known."""
    found: dict[int, dict[str, Any] | None] = {}
    params: dict[str, str] = {}
    while True:
        answer = await client.get(f"/v1/{namespace}/memories/{at}/history", params=params)
        if not known.version:
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found |= {one["version"]: one.get("payload") for one in page["versions"]}
        if page["next_before"] is None:
            break
        params = {"before": str(page["next_before"])}
    assert found == dict(enumerate(known.versions, start=1)), at


async def _check_links(
    client: httpx.AsyncClient,
    namespace: str,
    at: str,
    known: Known,
    links: dict[tuple[str, str], float],
) -> None:
    asked = {"direction": "out", "limit": "100"}
    answer = await client.get(f"/v1/{namespace}/memories/{at}/neighbors", params=asked)
    if known.payload is None:
        assert answer.status_code == 404, answer.text
        return
    found = {
        ",".join(str(axis) for axis in one["coordinate"]): one["weight"]
        for one in answer.json()["neighbors"]
    }
    assert found == {to: weight for (origin, to), weight in links.items() if origin == at}


def _numbers(at: str) -> list[int]:
    return [int(axis) for axis in at.split(",")]


async def listed(client: httpx.AsyncClient, namespace: str) -> dict[str, dict[str, Any]]:
    """Payloads of all that live, by place."""
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = None
    while True:
        params = {"limit": "1000"} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get(f"/v1/{namespace}/memories", params=params)).json()
        for memory in page["memories"]:
            at = ",".join(str(axis) for axis in memory["coordinate"])
            assert at not in found, "listed twice"
            found[at] = memory["payload"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
