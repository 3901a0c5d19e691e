"""Runs `soma` in this process, and a client that remembers what it was asked."""

import json
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from click.testing import CliRunner, Result

from sfm_cli.client import INDEXED, BulkReply, Client, Condition, Document
from sfm_cli.failures import Failure
from sfm_cli.group import soma
from sfm_cli.session import Connect, Session
from sfm_cli.target import Target
from sfm_core.coordinates import Coordinate
from sfm_core.errors import SfmError

TWINS = {"POSTGRES_URL": "memory://", "SFM_EMBEDDER": "hash"}
STORED: Document = {
    "coordinate": [1, 2.5],
    "id": "i",
    "version": 3,
    "position": 7,
    "event_id": "e",
    "created": True,
    "deduplicated": False,
    "index": "done",
}
MEMORY: Document = {
    "coordinate": [-1, 2.5],
    "id": "i",
    "version": 3,
    "payload": {"text": "tea"},
    "kind": "episodic",
    "text": "tea",
    "importance": 0.0,
    "tags": ["a", "b"],
    "session": None,
    "source": "Ada",
    "occurred_at": None,
    "created_at": "2026-05-01T12:34:56.000000Z",
}


@dataclass
class FakeClient:
    """Answers with `answers[method]`, or raises it; `asked` holds what each call got."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    targets: list[tuple[Target, bool]] = field(default_factory=list)

    async def store(
        self,
        coordinate: Coordinate,
        memory: Document,
        *,
        condition: Condition | None = None,
        key: str | None = None,
        wait: str = INDEXED,
    ) -> Document:
        return self._answer(
            "store", STORED, coordinate.text, memory, condition, key, *_waited(wait)
        )

    async def remember(
        self, memory: Document, *, key: str | None = None, wait: str = INDEXED
    ) -> Document:
        return self._answer("remember", STORED, memory, key, *_waited(wait))

    async def get(self, coordinate: Coordinate) -> Document:
        return self._answer("get", MEMORY, coordinate.text)

    async def list(self, asked: Mapping[str, str]) -> Document:
        page: Document = {"memories": [MEMORY], "next_cursor": None}
        return self._answer("list", page, dict(asked))

    async def delete(
        self,
        coordinate: Coordinate,
        *,
        condition: Condition | None = None,
        key: str | None = None,
        wait: str = INDEXED,
    ) -> None:
        self._answer("delete", {}, coordinate.text, condition, key, *_waited(wait))

    async def recall(self, asked: Document) -> Document:
        found: Document = {"hits": [], "position": 7, "took_ms": 1.0, "degraded": []}
        return self._answer("recall", found, asked)

    async def stats(self) -> Document:
        return self._answer("stats", {"total": 1, "slab": {"rows": 1}, "importance": None})

    async def namespaces(self) -> Document:
        return self._answer("namespaces", {"namespaces": ["acme", "demo"]})

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
        condition: Condition | None = None,
        key: str | None = None,
    ) -> Document:
        asked = (method, path, dict(params or {}), body, condition, key)
        return self._answer("call", {}, *asked)

    async def store_bulk(self, memories: Sequence[bytes], *, key: str) -> BulkReply:
        results = [STORED | {"index": i, "status": 201} for i in range(len(memories))]
        document = self._answer("store_bulk", {"results": results}, list(memories), key)
        return BulkReply(document=document, replayed=False)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: AsyncIterable[bytes] | None = None,
        media: str = "",
        accept: str = "",
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The answer `stream`: the documents of its lines, after which a failure may stand."""
        sent = b"" if content is None else b"".join([piece async for piece in content])
        said = (accept,) if accept else ()
        self.asked.append(("stream", method, path, dict(params or {}), sent, media, *said))

        async def pieces() -> AsyncIterator[bytes]:
            for document in self.answers["stream"]:
                if isinstance(document, SfmError):
                    raise Failure.of(document)
                if isinstance(document, bytes):
                    yield document
                    continue
                yield json.dumps(document).encode() + b"\n"

        yield pieces()

    def _answer(self, name: str, default: Document, *asked: object) -> Document:
        self.asked.append((name, *asked))
        answer = self.answers.get(name, default)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, SfmError):
            raise Failure.of(answer)
        if isinstance(answer, Failure):
            raise answer
        found: Document = answer
        return found


def _waited(wait: str) -> tuple[str, ...]:
    return () if wait == INDEXED else (wait,)


def run_soma(
    *args: str,
    client: Client | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | str | None = None,
) -> Result:
    """One command line over `client`; without one, over what `env` says."""
    if client is None:
        session = Session(env=TWINS if env is None else env)
    else:
        session = Session(env=env or {}, connect=_to(client))
    with _logging_kept():
        return CliRunner().invoke(soma, list(args), input=stdin, obj=session)


@contextmanager
def _logging_kept() -> Iterator[None]:
    """What works in process sends the logs of its process to the stderr it was given."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)


def _to(client: Client) -> Connect:
    @asynccontextmanager
    async def connect(target: Target, writes: bool) -> AsyncGenerator[Client]:
        if isinstance(client, FakeClient):
            client.targets.append((target, writes))
        yield client

    return connect
